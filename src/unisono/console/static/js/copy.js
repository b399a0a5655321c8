/* <copy-button for="id">: copies the text of an element and says so. Hidden where the clipboard is not available. */
class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!navigator.clipboard) {
      this.hidden = true;
      return;
    }
    button.addEventListener("click", async () => {
      const source = document.getElementById(this.getAttribute("for"));
      await navigator.clipboard.writeText(source.textContent);
      const said = button.textContent;
      button.textContent = this.dataset.done;
      setTimeout(() => {
        button.textContent = said;
      }, 1600);
    });
  }
}

customElements.define("copy-button", CopyButton);
