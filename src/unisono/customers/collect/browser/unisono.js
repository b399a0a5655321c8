// unisono.js __VERSION__, Apache-2.0
// The browser's end of the timeline: Segment-protocol events, behind a consent gate, in an outbox that
// survives reloads and bad networks. ES2017, no dependencies. How to use it: docs/how-to/browser-snippet.md.
// When served, lines that are only a comment and indentation are stripped (see __init__.py): hence no
// block comments and no literal that spans lines.
(() => {
  "use strict";

  const VERSION = "__VERSION__";
  const script = document.currentScript || document.querySelector("script[data-write-key]");
  if (!script || (window.unisono && window.unisono.version)) return;
  const writeKey = script.dataset.writeKey;
  const presumed = script.dataset.consent === "granted";

  // Names in storage. Events lie under one key each, prefix.order.bytes.messageId: two tabs can add and
  // remove at once without a read-modify-write that would lose some.
  const ANONYMOUS = "unisono_anonymous_id";
  const USER = "unisono_user_id";
  const CONSENT = "unisono_consent";
  const WAIT = "unisono_wait";
  const LOST = "unisono_lost";
  const LOCK = "unisono_lock";
  const EVENT = "unisono_e.";
  const BEACONED = "unisono_b.";

  const MAX_EVENTS = 500;
  const MAX_QUEUE = 400e3;
  const MAX_BATCH = 450e3;
  const MAX_BEACON = 60e3;
  const MAX_ITEM = 32e3;
  const BATCH_DELAY = 250;
  const TIMEOUT = 20e3;
  const LEASE = 30e3;
  const HOUR = 3600e3;
  // 13 months, the longest the French authority (CNIL) accepts for an audience cookie.
  const COOKIE_AGE = 33696e3;
  const CLICK_ID = "gclid|gbraid|wbraid|dclid|fbclid|msclkid|ttclid|twclid|li_fat_id";

  let verbose = false;
  let pending = [];
  let flying = [];
  let lost = 0;
  let sequence = 0;
  let timer = 0;
  let sending = null;

  const say = (...words) => {
    if (verbose) console.warn("unisono:", ...words);
  };
  const attempt = (action, otherwise) => {
    try {
      return action();
    } catch (error) {
      return otherwise;
    }
  };
  const base = attempt(() => new URL(".", script.src).href, "/");
  // The host page never sees an exception of ours.
  const guard = (action) => (...args) => {
    try {
      return action(...args);
    } catch (error) {
      say(error);
    }
  };
  const isObject = (value) => !!value && typeof value === "object" && !Array.isArray(value);
  const uuid = () =>
    "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
      (digit ^ ((crypto.getRandomValues(new Uint8Array(1))[0] & 15) >> (digit / 4))).toString(16));
  const identifier = (value) => {
    const text = typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
    return /^(undefined|null|nan|\[object object\])?$/i.test(text) ? undefined : text;
  };

  // --- Storage: localStorage, else a first-party cookie (small values), else memory.
  const memory = {};
  const read = (key) => memory[key] || attempt(() => localStorage.getItem(key), null);
  const write = (key, value) => {
    delete memory[key];
    return attempt(() => localStorage.setItem(key, value) || true) || ((memory[key] = String(value)), false);
  };
  const remove = (key) => {
    delete memory[key];
    attempt(() => localStorage.removeItem(key));
  };
  const readCookie = (key) =>
    attempt(() => decodeURIComponent(document.cookie.split("; ").find((pair) => pair.startsWith(key + "=")).slice(key.length + 1)), null);
  const writeCookie = (key, value, age) => attempt(() => {
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = key + "=" + encodeURIComponent(value) + ";path=/;samesite=lax;max-age=" + age + secure;
  });
  const recall = (key) => read(key) || readCookie(key);
  const remember = (key, value) => {
    if (write(key, value)) return;
    writeCookie(key, value, COOKIE_AGE);
    if (readCookie(key) === value) delete memory[key];
  };
  const forget = (key) => {
    remove(key);
    if (readCookie(key) !== null) writeCookie(key, "", 0);
  };
  const keys = (prefix) =>
    attempt(() => Object.keys(localStorage), []).concat(Object.keys(memory)).filter((key) => key.startsWith(prefix)).sort();
  const bytes = (key) => +key.split(".")[2] || 0;

  // --- Consent. null: no choice yet, calls are held; without statistics: calls are dropped.
  const purposes = () => {
    if (!writeKey) return {};
    let choice = attempt(() => JSON.parse(recall(CONSENT)), null);
    if (!isObject(choice)) choice = presumed ? { statistics: true, marketing: true } : null;
    if (choice && navigator.globalPrivacyControl) choice.marketing = false;
    return choice;
  };
  const anonymousId = () => {
    let id = recall(ANONYMOUS);
    if (!/^[\w-]{8,100}$/.test(id || "")) remember(ANONYMOUS, (id = uuid()));
    return id;
  };

  // --- Events.
  const snapshot = () => ({
    time: new Date().toISOString(),
    page: {
      path: location.pathname,
      referrer: document.referrer,
      search: location.search,
      title: document.title,
      url: location.href.split("#")[0],
    },
  });
  const withoutClickIds = (url) =>
    url.replace(RegExp("([?&])(?:" + CLICK_ID + ")=[^&#]*", "gi"), "$1").replace(/([?&])&+/g, "$1").replace(/[?&](?=#|$)/, "");
  const describe = (at, choice) => {
    const page = Object.assign({}, at.page);
    const campaign = {};
    const clickIds = {};
    new URLSearchParams(page.search).forEach((value, key) => {
      if (key.startsWith("utm_")) campaign[key === "utm_campaign" ? "name" : key.slice(4)] = value;
      else if (RegExp("^(" + CLICK_ID + ")$", "i").test(key)) clickIds[key] = value;
    });
    if (!choice.marketing) ["referrer", "search", "url"].forEach((name) => (page[name] = withoutClickIds(page[name])));
    return {
      page,
      userAgent: navigator.userAgent,
      locale: navigator.language,
      timezone: attempt(() => Intl.DateTimeFormat().resolvedOptions().timeZone),
      screen: { width: screen.width, height: screen.height, density: window.devicePixelRatio },
      library: { name: "unisono.js", version: VERSION },
      campaign: Object.keys(campaign).length ? campaign : undefined,
      clickIds: choice.marketing && Object.keys(clickIds).length ? clickIds : undefined,
      consent: { categoryPreferences: choice },
    };
  };
  const record = (type, fields, at, choice) => {
    const context = describe(at, choice);
    if (type === "page") fields.properties = Object.assign({}, context.page, fields.properties);
    return Object.assign(
      { type, messageId: uuid(), timestamp: at.time, channel: "web", anonymousId: anonymousId(), userId: recall(USER) || undefined, context },
      fields);
  };
  const makeRoom = (size) => {
    const waiting = keys(EVENT).filter((key) => !flying.includes(key));
    let total = waiting.reduce((sum, key) => sum + bytes(key), size);
    while (waiting.length && (waiting.length >= MAX_EVENTS || total > MAX_QUEUE)) {
      const oldest = waiting.shift();
      // What the dropped event itself reported as dropped is carried over: the sum stays exact.
      lost += 1 + (attempt(() => JSON.parse(read(oldest)).context.dropped) || 0);
      total -= bytes(oldest);
      remove(oldest);
    }
  };
  const enqueue = (event) => {
    const size = () => new TextEncoder().encode(JSON.stringify(event)).length;
    if (size() >= MAX_ITEM - 50) {
      lost++;
      return say("event too large, dropped", event);
    }
    makeRoom(size());
    lost += +recall(LOST) || 0;
    forget(LOST);
    if (lost) event.context.dropped = lost;
    lost = 0;
    write(EVENT + Date.now().toString(36) + (1e6 + sequence++) + "." + size() + "." + event.messageId, JSON.stringify(event));
    say("queued", event);
    schedule(BATCH_DELAY);
  };

  const methods = {
    page(at, choice, ...args) {
      const names = args.filter((value) => typeof value === "string");
      const name = names.pop();
      const category = names.pop();
      enqueue(record("page", { name, category, properties: Object.assign({ name, category }, args.find(isObject)) }, at, choice));
    },
    track(at, choice, event, properties) {
      const name = identifier(event);
      if (!name) return say("track needs an event name");
      enqueue(record("track", { event: name, properties: isObject(properties) ? properties : {} }, at, choice));
    },
    identify(at, choice, userId, traits) {
      const id = identifier(userId);
      if (id) remember(USER, id);
      enqueue(record("identify", { traits: [userId, traits].find(isObject) || {} }, at, choice));
    },
    group(at, choice, groupId, traits) {
      const id = identifier(groupId);
      if (!id) return say("group needs an id");
      enqueue(record("group", { groupId: id, traits: isObject(traits) ? traits : {} }, at, choice));
    },
    alias(at, choice, userId, previousId) {
      const id = identifier(userId);
      if (!id) return say("alias needs an id");
      enqueue(record("alias", { userId: id, previousId: identifier(previousId) || recall(USER) || anonymousId() }, at, choice));
    },
    reset() {
      forget(USER);
      forget(ANONYMOUS);
    },
  };
  // Arguments are copied at once: the page may change its objects before the event leaves.
  const call = (method) => (...args) => {
    const held = { method, args: attempt(() => JSON.parse(JSON.stringify(args))), at: snapshot() };
    if (!held.args) {
      lost++;
      return say("not serialisable, dropped", method);
    }
    pending.push(held);
    if (pending.length > MAX_EVENTS) {
      pending.shift();
      lost++;
    }
    settle();
  };
  // Sends what is held when the visitor has agreed, drops it when they have refused, else waits. A page
  // the browser renders ahead of a visit has no visitor yet.
  const settle = () => {
    const choice = purposes();
    if (!choice || document.prerendering) return;
    const calls = pending;
    pending = [];
    if (choice.statistics) calls.forEach(guard((held) => methods[held.method](held.at, choice, ...held.args)));
  };
  const consent = (given, proof) => {
    const before = purposes();
    const choice = Object.assign({ statistics: false, marketing: false }, before);
    Object.keys(given).forEach((purpose) => (choice[purpose] = given[purpose] === true));
    if (navigator.globalPrivacyControl) choice.marketing = false;
    const text = JSON.stringify(choice);
    if (!writeKey || recall(CONSENT) === text) return;
    const open = before && before.statistics;
    const notice = (open || choice.statistics) && record("track", {
      event: "Consent Updated",
      properties: Object.assign({}, proof, { purposes: choice, globalPrivacyControl: !!navigator.globalPrivacyControl }),
    }, snapshot(), choice);
    if (!choice.statistics) {
      // Withdrawn: everything goes, save the notice of it, which stays until the server has it.
      methods.reset();
      keys(EVENT).concat(keys(BEACONED), LOST).forEach(forget);
    }
    remember(CONSENT, text);
    if (notice) enqueue(notice);
    settle();
  };

  // --- Sending. One batch at a time in one tab at a time; an event leaves the outbox when it is answered.
  const take = (from, limit) => {
    let size = 0;
    return from.slice(0, 100).filter((key) => (size += bytes(key) + 1) <= limit);
  };
  const body = (taken) =>
    '{"writeKey":' + JSON.stringify(writeKey) + ',"sentAt":"' + new Date().toISOString() + '","batch":[' +
    taken.map(read).filter(Boolean).join() + "]}";
  // The pause is shared by tabs and reloads: a shop page opened during an outage does not hammer the server.
  const pause = () => {
    const [until, attempts, told] = (read(WAIT) || "0,0,0").split(",").map(Number);
    const left = until - Date.now();
    return { left: left > 0 && left <= HOUR + 1e3 ? left : 0, attempts, told };
  };
  const backOff = (header) => {
    const attempts = pause().attempts + 1;
    const seconds = isNaN(header) ? (Date.parse(header) - Date.now()) / 1e3 : +header;
    const told = seconds > 0 ? Math.min(seconds * 1e3, HOUR) : 0;
    const delay = told ? told + Math.random() * 1e3 : 1e3 + Math.random() * (Math.min(60, 2 ** attempts) - 1) * 1e3;
    write(WAIT, [Math.ceil(Date.now() + delay), attempts, told ? 1 : 0]);
    say("retry in ms", delay);
  };
  const deliver = async () => {
    flying = take(keys(EVENT), MAX_BATCH);
    const sent = flying;
    if (!sent.length) return backOff("");
    const text = body(sent);
    const controller = new AbortController();
    const alarm = setTimeout(() => controller.abort(), TIMEOUT);
    let status = 0;
    let header = "";
    try {
      const response = await fetch(base + "v1/batch", {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        credentials: "omit",
        // A small batch outlives the page; a second try does not ask for it, as its allowance may be spent.
        keepalive: text.length < MAX_BEACON / 3 && !pause().attempts,
        signal: controller.signal,
        body: text,
      });
      status = response.status;
      header = response.headers.get("Retry-After") || "";
    } catch (error) {
      say("unreachable", error);
    }
    clearTimeout(alarm);
    flying = [];
    const refused = [400, 401, 413].includes(status);
    if (!refused && (status < 200 || status > 299)) return backOff(header);
    if (refused) {
      lost += sent.length;
      say("refused with " + status + ", dropped", sent.length);
    }
    sent.concat(WAIT).forEach(remove);
  };
  // navigator.locks exists on https only; elsewhere a lease in localStorage, which ends by itself.
  const lease = async (action) => {
    const held = parseInt(read(LOCK), 10) - Date.now();
    if (held > 0 && held <= LEASE) return;
    const mine = Date.now() + LEASE + "." + uuid();
    write(LOCK, mine);
    await new Promise((wake) => setTimeout(wake, 50));
    if (read(LOCK) !== mine) return;
    await action();
    remove(LOCK);
  };
  const exclusive = async (action) => {
    let entered = false;
    const enter = () => {
      entered = true;
      return action();
    };
    try {
      if (navigator.locks) await navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => lock && enter());
      else await lease(enter);
    } catch (error) {
      // Locks are refused where storage is: then no other tab shares our queue.
      if (!entered) await enter();
    }
    return entered;
  };
  const drain = async () => {
    while (keys(EVENT).length && !pause().left && (await exclusive(deliver)));
  };
  const flush = () => {
    sending = sending || drain().catch(say).then(() => {
      sending = null;
      if (keys(EVENT).length) schedule(Math.max(pause().left, 1e3));
    });
    return sending;
  };
  const schedule = (delay) => {
    timer = timer || setTimeout(() => {
      timer = 0;
      flush();
    }, delay);
  };
  // The page is going. A beacon has no answer, so what it carried is put aside and sent once more by the
  // next page; the server knows the messageId.
  const leave = () => {
    if (lost && (purposes() || {}).statistics) {
      remember(LOST, String(lost + (+recall(LOST) || 0)));
      lost = 0;
    }
    let rest = keys(EVENT).filter((key) => !flying.includes(key) && (key in memory || !pause().left));
    while (rest.length) {
      const chunk = take(rest, MAX_BEACON);
      const url = base + "beacon/v1/batch?writeKey=" + encodeURIComponent(writeKey);
      const text = body(chunk);
      if (!attempt(() => navigator.sendBeacon(url, text))) {
        attempt(() => fetch(url, { method: "POST", credentials: "omit", keepalive: true, body: text }).catch(say));
        return;
      }
      chunk.forEach((key) => {
        const event = read(key);
        const kept = key in memory;
        remove(key);
        if (!kept) write(key.replace(EVENT, BEACONED), event);
      });
      rest = rest.slice(chunk.length);
    }
  };

  const api = {
    version: VERSION,
    user: () => ({ anonymousId: recall(ANONYMOUS), userId: recall(USER) }),
    debug: (on) => {
      verbose = on !== false;
    },
    consent: guard(consent),
    flush: guard(flush),
    push: guard((entry) => {
      if (typeof api[entry[0]] === "function") api[entry[0]](...entry.slice(1));
    }),
  };
  Object.keys(methods).forEach((method) => (api[method] = guard(call(method))));

  const listen = (target, name, action) => target.addEventListener(name, guard(action));
  listen(window, "pagehide", leave);
  listen(document, "visibilitychange", () => document.visibilityState === "hidden" && leave());
  listen(document, "prerenderingchange", settle);
  listen(window, "storage", (event) => event.key === CONSENT && settle());
  listen(window, "online", () => {
    if (!pause().told) remove(WAIT);
    flush();
  });
  listen(window, "pageshow", (event) => event.persisted && flush());

  guard(() => {
    const early = window.unisono;
    window.unisono = api;
    keys(BEACONED).forEach((key) => {
      write(key.replace(BEACONED, EVENT), read(key));
      remove(key);
    });
    if (keys(EVENT).length) schedule(BATCH_DELAY);
    if (Array.isArray(early)) early.forEach(api.push);
  })();
})();
