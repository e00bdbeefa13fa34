// The keyboard: one key, one action; typing into a field is left alone.

const TYPING = "select, textarea, input:not([type=range], [type=checkbox], [type=radio])";

/** actions: {KEY: function}; keys as KeyboardEvent.key in lower case. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.(TYPING)) return;
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
