/* What a page gains with a script: it reads itself again when the engine tells of a change, and forms answer in place.
   Without it everything works by links and forms. */
const root = document.documentElement;
root.classList.add("js");

const PARTS = "[data-part]";
const SETTLE = 40; // milliseconds: changes that come together are one reading
const DEAR = new Set(["price", "stock"]); // told of every sku: only those on the page count

let reading = null;
let again = false;

/* Reading the page again ------------------------------------------------------------------------------ */

/** What somebody was doing: where the cursor was, what was typed and not sent, what was folded open. */
function remember() {
  const active = document.activeElement;
  const typed = [...document.querySelectorAll("input, textarea, select")]
    .filter((field) => field.id && field.type !== "hidden" && isTyped(field))
    .map((field) => [field.id, field.value, field.checked]);
  return {
    focus: active && active !== document.body ? active.id : "",
    range: active && "selectionStart" in active ? readRange(active) : null,
    open: [...document.querySelectorAll("details[open]")].map((one) => one.id),
    typed,
  };
}

function readRange(field) {
  try {
    return [field.selectionStart, field.selectionEnd];
  } catch {
    return null;
  }
}

function isTyped(field) {
  if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field instanceof HTMLSelectElement) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

function restore(kept) {
  for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value, checked] of kept.typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = checked;
    else field.value = value;
  }
  const field = kept.focus && document.getElementById(kept.focus);
  if (!field || field === document.activeElement) return;
  field.focus({ preventScroll: true });
  if (kept.range && kept.range[0] !== null && "setSelectionRange" in field) {
    try {
      field.setSelectionRange(...kept.range);
    } catch {
      // A field for numbers has no cursor to be set.
    }
  }
}

/** Take over the parts of another reading of the page; what looks the same stays as it is. */
function show(text, { kept = remember() } = {}) {
  const next = new DOMParser().parseFromString(text, "text/html");
  if ((next.documentElement.dataset.live ?? "") !== (root.dataset.live ?? "")) {
    location.reload(); // somebody else is signed in by now
    return false;
  }
  let changed = false;
  for (const fresh of next.querySelectorAll(PARTS)) {
    const old = document.getElementById(fresh.id);
    if (!old || bare(old) === bare(fresh)) continue;
    changed = true;
    old.replaceWith(document.adoptNode(fresh));
    mark(old, fresh);
  }
  document.title = next.title;
  if (changed) restore(kept);
  return changed;
}

/** A part without the names of its forms, which are new each time. */
function bare(part) {
  const copy = part.cloneNode(true);
  for (const key of copy.querySelectorAll("input[name=key]")) key.remove();
  for (const one of copy.querySelectorAll(".fresh")) one.classList.remove("fresh");
  for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
  return copy.outerHTML.replaceAll(' class=""', "").replaceAll(/\s+/g, " ");
}

/** Let what is new or other glow for a moment. */
function mark(old, fresh) {
  const before = new Set([...old.querySelectorAll("li, .price, .stock, #total, #count")].map((one) => bare(one)));
  for (const one of fresh.querySelectorAll(".line, .wait, .price, .stock, #total, #count")) {
    if (!before.has(bare(one))) one.classList.add("fresh");
  }
}

async function readAgain() {
  if (reading) {
    again = true;
    return;
  }
  reading = (async () => {
    await new Promise((done) => setTimeout(done, SETTLE));
    const answer = await fetch(location.href, { headers: { "x-again": "1" } });
    if (document.querySelector("form[data-busy]")) return;
    if (answer.ok && answer.url === location.href && show(await answer.text())) announce();
  })();
  try {
    await reading;
  } catch {
    // No network for a moment: the next change, or the next reading, brings it.
  } finally {
    reading = null;
  }
  if (again) {
    again = false;
    readAgain();
  }
}

function announce() {
  const news = document.getElementById("news");
  if (!news) return;
  news.textContent = "";
  setTimeout(() => (news.textContent = news.dataset.changed), 100);
}

/* The stream ------------------------------------------------------------------------------------------ */

function concerns(change) {
  if (!DEAR.has(change.kind)) return true;
  const skus = (document.getElementById("main")?.dataset.skus ?? "").split(" ");
  const sku = change.data?.sku ?? change.subject.split(":")[1]?.split("@")[0];
  return skus.includes(sku);
}

function heard(change) {
  window.parent?.postMessage({ alpestre: change }, location.origin);
  if (concerns(change)) readAgain();
}

let leave = () => {};

/** One stream a browser and front, however many pages are open: a browser has few connections to one place. */
function follow(address) {
  leave();
  const channel = new BroadcastChannel(address);
  const waiting = new AbortController();
  channel.addEventListener("message", (message) => heard(message.data));
  leave = () => {
    channel.close();
    waiting.abort();
  };
  const lead = () =>
    new Promise((done) => {
      let lost = false;
      const source = new EventSource(address);
      leave = () => {
        channel.close();
        source.close();
        done();
      };
      source.addEventListener("message", (event) => {
        const change = JSON.parse(event.data);
        channel.postMessage(change);
        heard(change);
      });
      source.addEventListener("error", () => (lost = true));
      source.addEventListener("open", () => {
        root.dataset.listening = "yes";
        if (lost) readAgain();
        lost = false;
      });
    });
  if (!navigator.locks) lead();
  else navigator.locks.request(address, { signal: waiting.signal }, lead).catch((error) => {
    if (error.name !== "AbortError") throw error;
  });
}

/* Forms ----------------------------------------------------------------------------------------------- */

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  form.dataset.busy = "yes";
  const kept = remember();
  kept.typed = kept.typed.filter(([id]) => !form.contains(document.getElementById(id)));
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const text = await answer.text();
    const next = new DOMParser().parseFromString(text, "text/html");
    const live = next.documentElement.dataset.live;
    if (live && live !== root.dataset.live) {
      // A device that is remembered from now on: the same person, another stream.
      root.dataset.live = live;
      follow(live);
    }
    if (answer.url !== location.href) {
      history.pushState(null, "", answer.url);
      kept.focus = "";
      scrollTo(0, 0);
    }
    show(text, { kept });
    document.getElementById("said").innerHTML = next.getElementById("said")?.innerHTML ?? "";
    if (!kept.focus) (document.querySelector("[data-first]") ?? document.getElementById("main")).focus({ preventScroll: true });
  } catch {
    form.submit();
  } finally {
    delete form.dataset.busy;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.busy) {
    event.preventDefault();
    return;
  }
  // Who somebody is, and what language he reads, changes all there is: that is a page of its own.
  const whole = /\/(sign-in|sign-out|everywhere|language|next|scan)$/.test(form.action);
  if (form.method !== "post" || whole || !root.dataset.live) return;
  event.preventDefault();
  send(form, event.submitter);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]") && event.target.checkValidity()) event.target.form.requestSubmit();
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-select]")) event.target.select();
});

/** The cursor waits where the next scan goes; in a frame only when somebody works in it, or the page would jump. */
if (window.parent === window || document.hasFocus()) {
  document.querySelector("[data-first]")?.focus({ preventScroll: true });
}

addEventListener("popstate", () => location.reload());
addEventListener("pageshow", (event) => event.persisted && readAgain());

/* Side by side: what the engine has told any of the three ---------------------------------------------- */

const list = document.getElementById("heard");
const known = new Set();

function tell(change) {
  const name = `${change.subject}#${change.sequence}`;
  if (known.has(name)) return;
  known.add(name);
  const row = document.createElement("li");
  const delay = Math.max(0, Date.now() - Date.parse(change.at));
  for (const text of [new Date(change.at).toLocaleTimeString(), change.kind, change.subject, `${delay} ms`]) {
    const cell = document.createElement("span");
    cell.textContent = text;
    row.append(cell);
  }
  row.className = "fresh";
  list.prepend(row);
  while (list.children.length > 12) list.lastElementChild.remove();
  list.closest("section").hidden = false;
}

if (list) {
  addEventListener("message", (event) => {
    if (event.origin === location.origin && event.data?.alpestre) tell(event.data.alpestre);
  });
}

if (root.dataset.live) follow(root.dataset.live);
