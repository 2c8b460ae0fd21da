"""Mistakes in a scenario file, each by a change of the shipped one."""

# (what is replaced, by what, words on the line named, what is said, what cures it)
MISTAKES = {
    "a scenario's name that a link cannot carry": (
        "  thank_you:\n", "  thank you/all:\n", "thank you/all", "would not do in a link",
        "",
    ),
    "a scenario without a name": ("  thank_you:\n", '  "":\n', '  "":', "must not be empty", ""),
    "a scenario's name that a message has no room for": (
        "  thank_you:\n", f"  {'x' * 65}:\n", "xxx", "is longer than 64 characters", "",
    ),
    "a segment that is called as everybody is": (
        "\nscenarios:\n", "\nsegments:\n  all: {where: {orders: 1}}\nscenarios:\n", "  all:",
        "a campaign for `all` is for everybody", "name it otherwise",
    ),
    "a hold that ends before the night does": (
        "hold_at_most: 24h", "hold_at_most: 1h", "hold_at_most: 1h",
        "a night of 10h and a spread of 45m are longer than 1h", "make it 10h45m or more",
    ),
    "a spread into the next night": (
        "spread: 45m", "spread: 20h", "spread: 20h", "are longer than a day",
        "spread over 14h at most",
    ),
    "a night of nearly a whole day": (
        'from: "22:00", to: "08:00"', 'from: "00:00", to: "23:59"', "23:59",
        "a night of 23h59m and a spread of 45m are longer than a day", "spread over 1m at most",
    ),
    "a cap of more than is remembered": (
        "day: 2, week: 6", "day: 40, week: 50", "day: 40", "caps.week: 50 is never reached",
        "write 30 or less",
    ),
    "a cap of more orders' news than is remembered": (
        "caps_for: {} ", "caps_for: {asked_for: {day: 20}} ", "day: 20",
        "caps_for.asked_for.day: 20 is never reached", "write 15 or less",
    ),
    "an unknown setting names its nearest": (
        "min_percent: 5", "min_percents: 5", "min_percents",
        "there is no such setting", "did you mean 'min_percent'?",
    ),
    "a bound that is none": (
        "{away: {at_least: 3d}, views", "{away: {at_leest: 3d}, views", "at_leest",
        "write a bound like {at_least: 3d}", "",
    ),
    "a bound that is no number": (
        "{away: {at_least: 3d}, views", "{away: {at_least: long}, views", "at_least: long",
        "write a duration", "",
    ),
    "a duration without its unit in a bound": (
        "{away: {at_least: 3d}, views", "{away: {at_least: 3}, views", "at_least: 3}, views",
        "3 of what? It is a duration", "write it with its unit, like 3d",
    ),
    "a duration without its unit in quotes": (
        "{away: {at_least: 3d}, views", '{away: {at_least: "3"}, views', 'at_least: "3"}',
        "3 of what? It is a duration", "like 3d",
    ),
    "a duration where pieces are counted": (
        "views: {at_least: 1}", "views: {at_least: 3d}", "views: {at_least: 3d}",
        "views.at_least: never '3d': it is no duration", "write a number",
    ),
    "a duration that would be met only by chance": (
        "{away: {at_least: 3d}, views", "{away: 3d, views", "away: 3d",
        "never just '3d': it is a duration", "give a bound, like {at_least: 3d}",
    ),
    "a bound that nothing lies within": (
        "views: {at_least: 1}", "views: {at_least: 5, at_most: 2}", "at_least: 5",
        "never: at_least is more than at_most", "the smaller one under at_least",
    ),
    "a list that holds nothing": (
        "where: {status: delivered}", "where: {status: []}", "status: []",
        "an empty list is never met", "name a value",
    ),
    "an ending that nobody sends": (
        "unless: [add_to_cart, purchase]", "unless: [add_to_cart, session_end]", "session_end]",
        "session_end ends nothing", "write activity",
    ),
    "an entity of many values": (
        "    on: purchase\n    entity: order_id", "    on: purchase\n    entity: items",
        "entity: items", "'items' of purchase holds many values", "such as",
    ),
    "a session's end that has no such field": (
        "where: {number: 1, bought: false}", "where: {numbre: 1}", "numbre",
        "session_end has no field 'numbre'", "did you mean 'number'?",
    ),
    "a value that the field can never have": (
        "where: {number: 1, bought: false}", "where: {number: first}", "number: first",
        "never 'first'", "valid integer",
    ),
    "many events where one is needed": (
        "on: session_end", "on: activity", "on: activity",
        "'activity' is many events", "it stands in `unless`",
    ),
    "a best customer that nobody can be": (
        "    enabled: off\n    spend: 200000\n    window: 365d\n    orders: 10\n", "",
        "high_value:",
        "say `spend`, `orders` or `loyalty`", "",
    ),
    "a setting like no other lists what there is": (
        "min_percent: 5", "zebra: 5", "zebra", "there is no such setting", "known: ",
    ),
    "an unknown section": ("policy:", "rules:", "rules:", "there is no such setting", "known: "),
    "an unknown key within quiet hours": (
        'to: "08:00"', 'untill: "08:00"', "untill", "there is no such setting",
        "known: from, spread, to",
    ),
    "an unknown key within a step": (
        "{wait: 24h, copy: cart_still_waiting}", "{wait: 24h, copi: cart_still_waiting}", "copi",
        "there is no such setting", "did you mean 'copy'?",
    ),
    "an unknown key within a variant": (
        '- title: "One step left"\n', '- headline: "One step left"\n', "headline",
        "there is no such setting", "known: actions, body, icon, image, title, url",
    ),
    "an unknown scenario names its nearest": (
        "  cart_abandoned:\n    enabled", "  cart_abandonned:\n    enabled", "cart_abandonned:",
        "no scenario 'cart_abandonned'", "did you mean 'cart_abandoned'?",
    ),
    "a kind that is no name": (
        "  thank_you:\n    use: after_event", "  thank_you:\n    use: {after: event}", "thank_you:",
        "no scenario {'after': 'event'}", "`use:` names one of",
    ),
    "an unknown event names its nearest": (
        "on: purchase", "on: purchased", "on: purchased", "there is no event 'purchased'",
        "did you mean 'purchase'?",
    ),
    "an unknown event after unless": (
        "    on: purchase\n", "    on: purchase\n    unless: [refunds]\n", "unless",
        "there is no event 'refunds'", "did you mean 'refund'?",
    ),
    "an entity that the event does not have": (
        "entity: order_id", "entity: order", "entity: order", "purchase has no field 'order'",
        "did you mean 'order_id'?",
    ),
    "a where that the event does not have": (
        "    on: order_status\n", "    on: order_status\n    where: {state: packed}\n", "where",
        "order_status has no field 'state'", "did you mean",
    ),
    "a duration without its unit": (
        "{wait: 20m, copy: cart_abandoned}", "{wait: 20, copy: cart_abandoned}", "wait: 20,",
        "write a duration with its unit", "",
    ),
    "a negative duration": (
        "settle: 5m", "settle: -5m", "settle: -5m", "write a duration with its unit", "",
    ),
    "a wait of three years": (
        "settle: 5m", "settle: 1095d", "settle: 1095d", "1095d is longer than two years", "",
    ),
    "steps that do not ascend": (
        "{wait: 24h, copy: cart_still_waiting}", "{wait: 10m, copy: cart_still_waiting}",
        "wait: 10m", "10m is not after the step before (20m)", "each longer than the one before",
    ),
    "no steps at all": (
        "      - {wait: 10m, copy: checkout_abandoned}\n", "", "    steps:", "", "",
    ),
    "an unknown timezone": (
        "timezone: Europe/Warsaw", "timezone: Europe/Warszawa", "Warszawa",
        "no timezone 'Europe/Warszawa'", "",
    ),
    "a setting that is missing": (
        "  cart_url: https://shop.example/cart\n", "", "shop:", "is missing", "add it",
    ),
    "a hole in a template": (
        '{{ product.name }} is waiting for you', "{{ product.name is waiting for you",
        "product.name is waiting", "the template does not parse", "docs/scenario-file.md",
    ),
    "a name that templates do not know": (
        '{{ product.name }} is waiting for you', "{{ prodcut.name }} is waiting for you",
        "prodcut.name", "unknown name prodcut", "docs/scenario-file.md",
    ),
    "a filter that there is not": (
        "{{ cart.value | money(cart.currency) }}.\"\n        url",
        "{{ cart.value | euros }}.\"\n        url",
        "| euros", "No filter named 'euros'", "docs/scenario-file.md",
    ),
    "a last variant that needs what may be missing": (
        "Pick up where you left off at {{ shop.name }}.", "{{ cart.count }} things.", "    en:",
        "the last variant needs data that may be missing", "end with a variant",
    ),
    "a copy that there is not": (
        "copy: cart_still_waiting", "copy: cart_still_waitin", "{wait: 24h",
        "there is no copy 'cart_still_waitin'", "did you mean 'cart_still_waiting'?",
    ),
    "an arm's copy that there is not": (
        "    once: 24h\n",
        "    arms:\n      - {name: plain, percent: 50}\n"
        "      - {name: gain, percent: 50, copy: loud_words}\n    once: 24h\n",
        "{name: gain", "there is no copy 'loud_words'", "write it under copy: loud_words",
    ),
    "a setting given twice": (
        "    ttl: 8h\n", "    ttl: 8h\n    ttl: 9h\n", "ttl: 9h", "'ttl' stands here twice",
        "keep one of them",
    ),
    "a scenario given twice": (
        "  order_status:\n    use",
        "  order_confirmed:\n    use: after_event\n    on: purchase\n  order_status:\n    use",
        "  order_confirmed:", "'order_confirmed' stands here twice", "keep one of them",
    ),
    "a class of message that there is not": (
        "class: transactional", "class: advertising", "class: advertising",
        "'advertising' is none of 'transactional'", "",
    ),
    "a mode that there is not": (
        "enabled: on             #", "enabled: maybe #", "enabled: maybe",
        "'maybe' is none of 'off', 'shadow' or 'on'", "",
    ),
    "more than two buttons": (
        '        url: "{{ shop.cart_url }}"\n        image',
        '        url: "{{ shop.cart_url }}"\n        actions: [{action: a, title: A},'
        ' {action: b, title: B}, {action: c, title: C}]\n        image',
        "actions:", "takes at most 2, not 3", "",
    ),
    "a percentage of nothing": (
        "min_percent: 5", "min_percent: 0", "min_percent: 0", "must be more than 0", "",
    ),
    "quiet hours that are no time": (
        'from: "22:00"', 'from: "late"', "late", "write a time of day like 22:00", "",
    ),
    "quiet hours as a number": (
        'from: "22:00"', "from: 22", "from: 22", "write a time of day like 22:00", "",
    ),
    "quiet hours in somebody else's zone": (
        'to: "08:00"', 'to: "08:00Z"', "08:00Z", "write a time of day like 22:00", "",
    ),
    "a where that never holds": (
        "    on: order_status\n", "    on: order_status\n    where: {status: [packed, sent]}\n",
        "where", "never 'sent'", "Input should be 'picking', 'packed'",
    ),
    "a cap of a kind that there is not": (
        "caps_for: {} ", "caps_for: {brows: {day: 1}} ", "brows",
        "'brows' is none of 'transactional'", "did you mean 'browse'?",
    ),
    "a field that a name never has": (
        "{{ product.name }} is waiting for you", "{{ product.nmae }} is waiting for you", "nmae",
        "product has no 'nmae'", "did you mean 'name'?",
    ),
    "such a field in brackets": (
        "{{ product.name }} is waiting for you", "{{ product['nmae'] }} is waiting for you",
        "nmae", "product has no 'nmae'", "did you mean 'name'?",
    ),
    "a plural that would fail at the first number": (
        "one='item', other='items'", "one='item', others='items'", "others=",
        "plural without `other`", "add other=",
    ),
    "a currency that there is not": (
        "currency: PLN", "currency: PLZ", "PLZ", "'PLZ' is no ISO 4217 code", "EUR",
    ),
    "a shop without https": (
        "  url: https://shop.example\n", "  url: shop.example\n", "url: shop.example",
        "'shop.example' is no address", "write it with https://",
    ),
    "a shop in a language that there is not": (
        "locale: en", "locale: english", "locale: english", "no language 'english'", "like en",
    ),
    "words in a language that there is not": (
        "\n    pl:\n", "\n    polish:\n", "polish:", "no language 'polish'", "like en, pl",
    ),
    "a link that runs something": (
        'url: "{{ shop.cart_url }}"', 'url: "javascript:alert(1)"', "javascript",
        "leads nowhere", "write https://",
    ),
    "a slip in what a scenario can do without": (
        "{after: 24h, channel: email}", "{aftre: 24h}", "aftre", "there is no such setting",
        "did you mean 'after'?",
    ),
    "two endings in one": (
        "unless: [email_opened, activity]", "unless: [{email_opened: {}, activity: {}}]",
        "activity: {}", "write an event's name, or {event: {field: value}}", "",
    ),
    "no link at all": ('url: "{{ shop.cart_url }}"', 'url: ""', 'url: ""', "leads nowhere", ""),
    "the name that the code has for a setting": (
        "    copy: price_drop\n", "    copy_name: price_drop\n", "copy_name",
        "there is no such setting", "did you mean",
    ),
}  # fmt: skip
