/* <staff-scroll>: on a narrow screen the staff scrolls sideways; begin at "now", not at the past's end. */
class StaffScroll extends HTMLElement {
  connectedCallback() {
    requestAnimationFrame(() => {
      if (this.scrollWidth <= this.clientWidth) {
        this.removeAttribute("tabindex");
        return;
      }
      this.scrollLeft = this.scrollWidth;
    });
  }
}

customElements.define("staff-scroll", StaffScroll);
