-- Who keeps an application and who set each of its fields; why each revision was made.

-- The file or tool that keeps the application; NULL: nobody but whoever changes it.
ALTER TABLE applications ADD COLUMN owner TEXT;
-- The owner that made the application; NULL for defaults and for what was registered by hand.
ALTER TABLE applications ADD COLUMN created_by TEXT;
-- JSON: [[origin, author, [field path, ...]], ...]. Empty: the author of the present revision set them all.
ALTER TABLE applications ADD COLUMN field_owners TEXT NOT NULL DEFAULT '[]';

ALTER TABLE application_revisions ADD COLUMN cause TEXT NOT NULL DEFAULT 'update';
-- The revision that a rollback brought back.
ALTER TABLE application_revisions ADD COLUMN restored INTEGER;
-- 1: made over the head of the application's owner.
ALTER TABLE application_revisions ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
