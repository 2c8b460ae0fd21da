-- What became of everything considered, and why.
SELECT outcome, reason, count(*) AS decided, count(DISTINCT person) AS people
FROM finals GROUP BY outcome, reason
ORDER BY decided DESC, outcome, reason;
