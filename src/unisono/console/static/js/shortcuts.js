/* <key-help>: "?" lists the shortcuts; "g" then a letter goes to a section; "/" puts the cursor in the page's search.
   All of them rest while someone is typing. */
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

class KeyHelp extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    document.addEventListener("keydown", (event) => this.listen(event));
  }

  listen(event) {
    if (event.key === "Escape" && location.hash === "#nav") location.hash = "";
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (this.going) {
      this.going = false;
      const entry = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (entry) location.assign(entry.href);
    } else if (event.key === "g") {
      this.going = true;
      setTimeout(() => {
        this.going = false;
      }, 1200);
    } else if (event.key === "?") {
      this.dialog.showModal();
    } else if (event.key === "/") {
      const search = document.querySelector("main input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  }
}

customElements.define("key-help", KeyHelp);
