/* <copy-button for="id">: copies the text of an element and says so. Without a clipboard (a page that is not served
   by https) it selects the text instead, ready for Ctrl-C. */
class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    button.addEventListener("click", async () => {
      const source = document.getElementById(this.getAttribute("for"));
      if (!navigator.clipboard) {
        getSelection().selectAllChildren(source);
        return;
      }
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
