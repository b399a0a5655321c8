/* <toast-region>: a toast leaves by itself unless someone points at it or has the focus in it. */
const STAYS = 10_000;

class ToastRegion extends HTMLElement {
  connectedCallback() {
    this.querySelectorAll(".toast").forEach((toast) => this.watch(toast));
    new MutationObserver((changes) => {
      changes.forEach((change) =>
        change.addedNodes.forEach((node) => node.classList?.contains("toast") && this.watch(node)),
      );
    }).observe(this, { childList: true });
    this.addEventListener("click", (event) => {
      if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
    });
  }

  watch(toast) {
    const leave = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, STAYS / 2);
      else toast.remove();
    };
    setTimeout(leave, STAYS);
  }
}

customElements.define("toast-region", ToastRegion);
