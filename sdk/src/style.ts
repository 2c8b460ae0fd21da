/** How our own elements look. */

/** A sheet that a Content-Security-Policy does not take for an inline one, as it does `<style>`. */
export const dress = (root: ShadowRoot, style: string): void => {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Safari before 16.4 has none.
    root.appendChild(document.createElement("style")).textContent = style;
  }
};
