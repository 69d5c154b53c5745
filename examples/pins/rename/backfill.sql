UPDATE customers SET full_name = name WHERE full_name IS NULL;
INSERT INTO schema_revisions (rev) VALUES (12);
