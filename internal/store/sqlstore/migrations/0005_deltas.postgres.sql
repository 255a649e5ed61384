-- Deltas of many sessions are added together.

GRANT INSERT ON deltas TO craton_append;
