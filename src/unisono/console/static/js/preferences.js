/* <look-switch>: theme and density change at once and are remembered by the server in the background. */
class LookSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button[name=theme], button[name=density]");
      if (!button) return;
      event.preventDefault();
      document.documentElement.dataset[button.name] = button.value;
      this.querySelectorAll(`button[name=${button.name}]`).forEach((other) => {
        other.setAttribute("aria-pressed", String(other === button));
      });
      const form = new FormData(button.form);
      form.set(button.name, button.value);
      fetch(button.form.action, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });
    });
  }
}

customElements.define("look-switch", LookSwitch);
