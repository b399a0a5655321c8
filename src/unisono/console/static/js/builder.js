/* The builder of segments is drawn anew by the server when an operator changes. What somebody typed meanwhile is
   carried over, and nothing is lost however slow the line. */
const MOVES = /^(remove|up|down|as_)/;
let before = new Map();
let typed = new Map();

const values = (form) => new Map([...new FormData(form)].filter(([, value]) => typeof value === "string"));
const builder = () => document.getElementById("builder");

/* A name, or whom to ask about, changes no number: what stands beside the rule stays. */
document.addEventListener(
  "change",
  (event) => {
    if (event.target.closest?.("[data-uncounted]")) event.stopPropagation();
  },
  true,
);

document.addEventListener("htmx:beforeRequest", () => {
  if (builder()) before = values(builder());
});

document.addEventListener("htmx:beforeSwap", (event) => {
  typed = new Map();
  const pressed = event.detail.requestConfig?.elt?.value ?? "";
  if (event.detail.target?.id !== "builder" || MOVES.test(pressed)) return;
  for (const [name, value] of values(builder())) {
    if (before.get(name) !== value && !name.startsWith("_")) typed.set(name, value);
  }
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [name, value] of typed) {
    const field = builder()?.elements.namedItem(name);
    if (field && "value" in field && field.type !== "hidden") field.value = value;
  }
});

/* The new boxes listen from here on: the count is to be that of the form as it stands. */
document.addEventListener("htmx:afterSettle", () => {
  if (builder() && typed.size) window.htmx.trigger(builder(), "change");
  typed = new Map();
});
