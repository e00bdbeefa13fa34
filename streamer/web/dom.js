// Short hands for the document.

const SVG = "http://www.w3.org/2000/svg";

/**
 * The element with that id. Typed as any: index.html says what each one is.
 * @type {(id: string) => any}
 */
export const $ = (id) => document.getElementById(id);

/** An element with properties (data-*, aria-* and role as attributes) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const iconUrl = (name) => `assets/icons.svg#${name}`;
export const icon = (name) =>
  svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: iconUrl(name) }));

/** Changes the text only when it differs, so that screen readers are not told the same twice. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
