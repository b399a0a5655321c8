/* <command-palette src="/console/palette">: Ctrl/Cmd-K opens a dialog that finds people, screens and actions.
   Results are HTML from the server; arrow keys choose, Enter follows. Links marked data-palette open it too. */
const WAIT = 120;

class CommandPalette extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.input = this.querySelector("input");
    this.results = this.querySelector(".palette-results");
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.find(), WAIT);
    });
    this.input.addEventListener("keydown", (event) => this.steer(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        this.open();
      }
    });
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-palette]") && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        this.open();
      }
    });
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.input.select();
    this.find();
  }

  async find() {
    this.running?.abort();
    this.running = new AbortController();
    const address = `${this.getAttribute("src")}?q=${encodeURIComponent(this.input.value)}`;
    try {
      const answer = await fetch(address, {
        headers: { "HX-Request": "true" },
        signal: this.running.signal,
      });
      this.results.innerHTML = answer.ok ? await answer.text() : "";
      this.choose(0);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  get hits() {
    return [...this.results.querySelectorAll(".hit")];
  }

  choose(index) {
    const hits = this.hits;
    this.index = hits.length ? (index + hits.length) % hits.length : -1;
    hits.forEach((hit, place) => {
      hit.id = `hit-${place}`;
      hit.setAttribute("aria-selected", String(place === this.index));
    });
    if (this.index < 0) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.input.setAttribute("aria-activedescendant", `hit-${this.index}`);
    hits[this.index].scrollIntoView({ block: "nearest" });
  }

  steer(event) {
    if (event.key === "ArrowDown") this.choose(this.index + 1);
    else if (event.key === "ArrowUp") this.choose(this.index - 1);
    else if (event.key === "Escape") this.dialog.close();
    else if (event.key === "Enter" && this.index >= 0) this.hits[this.index].click();
    else return;
    event.preventDefault();
  }
}

customElements.define("command-palette", CommandPalette);
