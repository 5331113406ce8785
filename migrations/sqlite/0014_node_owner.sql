-- The token or certificate that registered a node, to which the node's name belongs; null where nobody has to prove who it is.
ALTER TABLE nodes ADD COLUMN owner TEXT;
