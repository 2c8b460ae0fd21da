-- What every figure counts over. Times are epoch ms. The period is [since, until); a push counts in
-- the period in which it was decided, with whatever came of it, however late.

CREATE MACRO browser_of(agent, origin) AS CASE
    WHEN agent LIKE '%Edg/%' OR agent LIKE '%EdgA/%' THEN 'Edge'
    WHEN agent LIKE '%OPR/%' THEN 'Opera'
    WHEN agent LIKE '%SamsungBrowser/%' THEN 'Samsung Internet'
    WHEN agent LIKE '%YaBrowser/%' THEN 'Yandex'
    WHEN agent LIKE '%Firefox/%' OR agent LIKE '%FxiOS/%' THEN 'Firefox'
    WHEN agent LIKE '%Chrome/%' OR agent LIKE '%CriOS/%' THEN 'Chrome'
    WHEN agent LIKE '%Safari/%' THEN 'Safari'
    WHEN origin LIKE '%mozilla%' THEN 'Firefox'
    WHEN origin LIKE '%.apple.com' THEN 'Safari'
    WHEN origin LIKE '%.windows.com' THEN 'Edge'
    WHEN origin LIKE '%googleapis.com' THEN 'Chrome'
    ELSE 'unknown' END;

-- Whose an anonymous id is from a time on: for as long as it is an alias (30 days after a login,
-- or until its logout) that user's; else that of whoever logs in there next, else its own.
CREATE TABLE owners AS
WITH logins AS (
    SELECT DISTINCT anonymous_id, user_id AS person, occurred_at AS moment
    FROM events WHERE type IN ('login', 'sign_up') AND anonymous_id <> user_id
), ended AS (
    SELECT login.anonymous_id, person, moment, min(logout.occurred_at) AS logged_out
    FROM logins AS login LEFT JOIN events AS logout
        ON logout.type = 'logout' AND logout.anonymous_id = login.anonymous_id
        AND logout.user_id = person AND logout.occurred_at >= moment
    GROUP BY ALL
), following AS (
    SELECT *, lead(person) OVER visitor AS next_person, lead(moment) OVER visitor AS next_moment,
        least(
            moment + getvariable('alias'),
            CASE WHEN logged_out IS NOT NULL THEN greatest(moment + 1, logged_out) END
        ) AS until
    FROM ended WINDOW visitor AS (PARTITION BY anonymous_id ORDER BY moment, person)
), stretches AS (
    SELECT anonymous_id, 0 AS begins, arg_min(person, moment) AS person, 0 AS rank
    FROM logins GROUP BY anonymous_id
    UNION ALL SELECT anonymous_id, moment + 1, person, 1 FROM following
    UNION ALL SELECT anonymous_id, until, coalesce(next_person, anonymous_id), 2 FROM following
    WHERE next_moment IS NULL OR until <= next_moment
)
SELECT anonymous_id, begins, arg_max(person, rank) AS person
FROM stretches GROUP BY anonymous_id, begins;

-- Every event once, with the person who caused it.
CREATE TABLE acts AS
SELECT coalesce(event.user_id, owner.person, event.anonymous_id) AS person, event.*
FROM (SELECT DISTINCT ON (kafka_key, event_id) * FROM events ORDER BY kafka_time) AS event
ASOF LEFT JOIN owners AS owner
    ON event.anonymous_id = owner.anonymous_id AND event.occurred_at >= owner.begins;

-- Every order once; refunds, whenever they came, are taken off, never more than was paid.
CREATE TABLE orders AS
WITH refunds AS (
    SELECT order_id, sum(value) AS parts, bool_or(value IS NULL) AS whole
    FROM acts WHERE type = 'refund' GROUP BY order_id
)
SELECT DISTINCT ON (order_id)
    order_id, person, occurred_at, currency, value,
    list_sum(list_transform(
        from_json(items, '[{"quantity": "BIGINT"}]'), lambda item: coalesce(item.quantity, 1)
    )) AS pieces,
    CASE WHEN whole THEN value ELSE least(value, coalesce(parts, 0)) END AS refunded
FROM acts LEFT JOIN refunds USING (order_id)
WHERE type = 'purchase'
ORDER BY occurred_at;

-- Every decision of the period that is final, once.
CREATE TABLE finals AS
SELECT
    coalesce(owner.person, decision.user_id) AS person, decision.*,
    evidence->>'would_have' AS would_have, evidence->>'channel' AS channel
FROM (
    SELECT DISTINCT ON (decision_id) * FROM decisions WHERE final ORDER BY kafka_time, kafka_offset
) AS decision
ASOF LEFT JOIN owners AS owner
    ON decision.user_id = owner.anonymous_id AND decision.decided_at >= owner.begins
WHERE decided_at >= getvariable('since') AND decided_at < getvariable('until');

-- Each order that is credited to a push: who holds the credit, what was given, what was taken back.
CREATE TABLE credits AS
SELECT
    order_id, currency,
    arg_max(job_id, (kafka_time, kafka_offset)) FILTER (cause <> 'refund' AND value >= 0) AS job_id,
    arg_max(touch, (kafka_time, kafka_offset)) FILTER (cause <> 'refund' AND value >= 0) AS touch,
    sum(value) FILTER (cause <> 'refund') AS value,
    -coalesce(sum(value) FILTER (cause = 'refund'), 0) AS refunded
FROM attributions
GROUP BY order_id, currency;

-- What was sent in the period, and what came of it. What was clicked was seen, what was seen
-- arrived, whatever report of it was lost.
CREATE TABLE pushes AS
SELECT
    final.job_id, final.person, final.scenario, final.step, final.arm, final.decided_at,
    coalesce(final.channel, 'push') AS channel, result.message_class,
    coalesce(result.delivered, false) OR reaction.job_id IS NOT NULL AS delivered,
    reaction.job_id IS NOT NULL AS displayed,
    coalesce(reaction.clicked, false) AS clicked,
    coalesce(credit.orders, 0) AS orders
FROM finals AS final
LEFT JOIN (
    SELECT job_id, bool_or(outcome = 'delivered') AS delivered,
        any_value(message_class) AS message_class
    FROM results GROUP BY job_id
) AS result USING (job_id)
LEFT JOIN (
    SELECT job_id, bool_or(type = 'clicked') AS clicked FROM interactions GROUP BY job_id
) AS reaction USING (job_id)
LEFT JOIN (
    SELECT job_id, count(*) AS orders FROM credits WHERE touch = 'click' GROUP BY job_id
) AS credit USING (job_id)
WHERE final.outcome = 'sent';

-- Each browser that could be pushed to, and whether and when that ended.
CREATE TABLE browsers AS
WITH bindings AS (
    SELECT subscription_id, user_id,
        arg_max(ended, (kafka_time, NOT ended, kafka_offset)) AS ended,
        min(created_at) AS created_at, max(kafka_time) AS told_at,
        max(user_agent) AS user_agent, max(origin) AS origin
    FROM subscriptions GROUP BY subscription_id, user_id
)
SELECT subscription_id,
    arg_max(user_id, (NOT ended, told_at)) AS user_id,
    bool_and(ended) AS ended, min(created_at) AS created_at, max(told_at) AS told_at,
    browser_of(max(user_agent), max(origin)) AS browser
FROM bindings GROUP BY subscription_id;
