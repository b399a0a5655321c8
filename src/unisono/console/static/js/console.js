/* The console's behaviour. Every page works without it; each element below only makes one thing quicker. */
import "./staff.js";
import "./builder.js";
import "./copy.js";
import "./live.js";
import "./palette.js";
import "./preferences.js";
import "./toast.js";
import "./shortcuts.js";

document.documentElement.classList.add("js");
