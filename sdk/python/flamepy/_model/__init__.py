"""Records, enumerations and errors of the API, how they travel, and how they show."""
