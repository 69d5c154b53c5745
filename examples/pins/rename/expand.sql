ALTER TABLE customers ADD COLUMN full_name text;
ALTER TABLE customers ALTER COLUMN name DROP NOT NULL;
