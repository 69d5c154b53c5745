CREATE TABLE schema_revisions (rev integer PRIMARY KEY);
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO schema_revisions (rev) VALUES (11);
