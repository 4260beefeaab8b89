/** A folder as a page, as Go's `http.FileServer` writes it. Pure. */

export interface Entry {
  name: string;
  isFolder: boolean;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** The entries are told by name; `more` says that there are others. */
export function renderListing(entries: readonly Entry[], more: boolean): string {
  const lines = entries
    .map(({ name, isFolder }) => (isFolder ? `${name}/` : name))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => `<a href="${linkTo(name)}">${name.replaceAll(/[&<>"']/g, (sign) => entities[sign]!)}</a>\n`);
  const head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n';
  return `${head}${lines.join('')}${more ? '...\n' : ''}</pre>\n`;
}

/** A name in the folder as a relative link. One that has a colon could be taken for a link elsewhere. */
export function linkTo(name: string): string {
  const escaped = encodeURIComponent(name)
    .replaceAll(/%(?:24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent)
    .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return escaped.includes(':') ? `./${escaped}` : escaped;
}
