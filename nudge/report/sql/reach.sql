-- Who came and who left, and the scenario that spoke to them last: clicked within the window before
-- they agreed, delivered within it before they left. A browser that turned out to be gone (404, 410,
-- unusable keys) counts to what was delivered to it last, however long ago. Who says again what they
-- have said already has changed nothing.
WITH clicks AS (
    SELECT coalesce(person, user_id) AS person, scenario, occurred_at AS moment
    FROM interactions ASOF LEFT JOIN owners ON user_id = anonymous_id AND occurred_at >= begins
    WHERE type = 'clicked'
), deliveries AS (
    SELECT coalesce(person, user_id) AS person, subscription_id, scenario, "at" AS moment
    FROM results ASOF LEFT JOIN owners ON user_id = anonymous_id AND "at" >= begins
    WHERE outcome = 'delivered'
), gone AS (
    SELECT DISTINCT subscription_id FROM results WHERE outcome IN ('gone', 'bad_subscription')
), consents AS (
    SELECT person, granted, occurred_at AS moment, lag(granted) OVER (
        PARTITION BY person ORDER BY occurred_at, kafka_time, kafka_offset) AS granted_before
    FROM acts WHERE type = 'consent_change' AND purpose = 'marketing'
), told AS (
    SELECT 'subscribed' AS what, user_id, subscription_id, created_at AS moment FROM browsers
    UNION ALL
    SELECT CASE WHEN gone.subscription_id IS NULL THEN 'unsubscribed' ELSE 'gone' END,
        user_id, browsers.subscription_id, told_at
    FROM browsers LEFT JOIN gone USING (subscription_id) WHERE ended
), changes AS (
    SELECT what, coalesce(person, user_id) AS person, subscription_id, moment
    FROM told ASOF LEFT JOIN owners ON user_id = anonymous_id AND moment >= begins
    UNION ALL
    SELECT CASE WHEN granted THEN 'agreed' ELSE 'refused' END, person, NULL, moment
    FROM consents WHERE granted IS DISTINCT FROM granted_before
), judged AS (
    SELECT what, coalesce(CASE
        WHEN what IN ('subscribed', 'agreed') THEN (
            SELECT arg_max(scenario, clicks.moment) FROM clicks
            WHERE clicks.person = changes.person AND clicks.moment <= changes.moment
                AND clicks.moment > changes.moment - getvariable('attribution'))
        WHEN what = 'gone' THEN (
            SELECT arg_max(scenario, deliveries.moment) FROM deliveries
            WHERE deliveries.subscription_id = changes.subscription_id)
        ELSE (
            SELECT arg_max(scenario, deliveries.moment) FROM deliveries
            WHERE deliveries.person = changes.person AND deliveries.moment <= changes.moment
                AND deliveries.moment > changes.moment - getvariable('attribution'))
        END, 'no message before') AS scenario
    FROM changes
    WHERE moment >= getvariable('since') AND moment < getvariable('until')
)
SELECT scenario,
    count_if(what = 'subscribed') AS subscribed, count_if(what = 'agreed') AS agreed,
    count_if(what = 'unsubscribed') AS unsubscribed, count_if(what = 'gone') AS gone,
    count_if(what = 'refused') AS refused
FROM judged
GROUP BY scenario
ORDER BY scenario <> 'no message before', subscribed + unsubscribed + gone + agreed + refused DESC, scenario;
