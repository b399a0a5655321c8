-- defaults -----------------------------------------------------------------------------------------

insert into namespace
    (name, level, priority, max_per_person, sharing_cap, normaliser, identifies, searchable, label) values
    ('user_id',      'person', 10,  1,    20, 'plain', true,  true,  'User id'),
    ('loyalty_card', 'person', 20,  3,    10, 'card',  true,  true,  'Loyalty card'),
    ('email',        'person', 30,  5,    10, 'email', false, true,  'E-mail'),
    ('phone',        'person', 40,  5,    10, 'phone', false, true,  'Phone'),
    ('whatsapp',     'person', 50,  3,    10, 'phone', true,  true,  'WhatsApp'),
    ('messenger',    'person', 60,  3,    10, 'plain', true,  true,  'Messenger'),
    ('instagram',    'person', 70,  3,    10, 'plain', true,  true,  'Instagram'),
    ('telegram',     'person', 80,  3,    10, 'plain', true,  true,  'Telegram'),
    ('idfa',         'device', 110, null, 10, 'plain', false, false, 'Apple advertising id'),
    ('gaid',         'device', 120, null, 10, 'plain', false, false, 'Google advertising id'),
    ('device_id',    'device', 130, null, 10, 'plain', false, false, 'Device'),
    ('anonymous_id', 'device', 140, null, 10, 'plain', false, false, 'Browser');

insert into blocked_value (namespace, pattern, reason) values
    ('*', 'undefined', 'what JavaScript writes for a missing value'),
    ('*', 'null', 'what programs write for a missing value'),
    ('*', 'none', 'what programs write for a missing value'),
    ('*', 'nil', 'what programs write for a missing value'),
    ('*', 'nan', 'what programs write for a missing value'),
    ('*', 'n/a', 'what people write for a missing value'),
    ('*', 'not-specified', 'what people write for a missing value'),
    ('*', 'unknown', 'what people write for a missing value'),
    ('*', '[object object]', 'what JavaScript writes for an object'),
    ('*', 'object', 'what JavaScript writes for an object'),
    ('*', 'true', 'a flag, not an identifier'),
    ('*', 'false', 'a flag, not an identifier'),
    ('*', '0', 'what programs write for a missing number'),
    ('*', '-1', 'what programs write for a missing number'),
    ('*', 'guest', 'everybody who has not signed in'),
    ('*', 'anonymous', 'everybody who has not signed in'),
    ('*', 'user_null', 'what some SDKs write for a missing value'),
    ('*', 'test', 'somebody trying things out'),
    ('*', 'default', 'what programs write for a missing value'),
    ('email', 'test@test.com', 'somebody trying things out'),
    ('email', 'noreply@*', 'nobody reads it'),
    ('email', 'no-reply@*', 'nobody reads it');

insert into source (name, kind) values ('Unisono', 'system');
