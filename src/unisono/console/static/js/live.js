/* <live-feed src="..." rows="id">: new events arrive on top of the table while the page is in view.
   Each message is named "row" and carries one <tr>. The button pauses; what arrived meanwhile is counted. */
const MOST_ROWS = 200;

class LiveFeed extends HTMLElement {
  connectedCallback() {
    this.body = document.getElementById(this.getAttribute("rows"));
    this.button = this.querySelector("button");
    this.status = this.querySelector("[role=status]");
    this.held = [];
    this.paused = false;
    this.button.addEventListener("click", () => this.toggle());
    this.onVisible = () => (document.hidden ? this.close() : this.open());
    document.addEventListener("visibilitychange", this.onVisible);
    this.open();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.onVisible);
    this.close();
  }

  open() {
    if (this.source) return;
    this.source = new EventSource(this.getAttribute("src"));
    this.source.addEventListener("open", () => this.say(this.dataset.live));
    this.source.addEventListener("error", () => this.say(this.dataset.lost));
    this.source.addEventListener("row", (event) => {
      if (this.paused) {
        this.held.push(event.data);
        this.say(this.dataset.held.replace("{n}", this.held.length));
      } else {
        this.add(event.data);
      }
    });
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  toggle() {
    this.paused = !this.paused;
    this.button.setAttribute("aria-pressed", String(this.paused));
    this.button.textContent = this.paused ? this.dataset.resume : this.dataset.pause;
    if (!this.paused) {
      this.held.splice(0).slice(-MOST_ROWS).forEach((html) => this.add(html));
      this.say(this.dataset.live);
    }
  }

  add(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    const row = holder.content.firstElementChild;
    if (!row || (row.id && document.getElementById(row.id))) return;
    row.classList.add("fresh");
    this.body.prepend(row);
    window.htmx?.process(row);
    while (this.body.rows.length > MOST_ROWS) this.body.lastElementChild.remove();
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }
}

customElements.define("live-feed", LiveFeed);
