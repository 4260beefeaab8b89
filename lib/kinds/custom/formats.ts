/** The formats of texts that schemas may demand, as kube-openapi's `strfmt` knows them; others demand nothing. */
import { isCidr, isIPv4, isIPv6 } from '#lib/meta/addresses.ts';
import { parseGoDuration } from '#lib/meta/go-duration.ts';
import { parseTime } from '#lib/meta/time.ts';

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const uuidOf = (version: number) => (text: string) =>
  uuid.test(text) && text.replaceAll('-', '')[12] === String(version);
const hostname = /^(?=.{1,255}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i;

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) => text === '' || parseTime(text.toUpperCase()) !== undefined,
  datetime: (text) => text === '' || parseTime(text.toUpperCase()) !== undefined,
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined,
  duration: (text) => 'ms' in parseGoDuration(text),
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text),
  cidr: (text) => isCidr(text),
  mac: (text) => /^([0-9a-f]{2}([:-])([0-9a-f]{2}\2){4}[0-9a-f]{2})$/i.test(text),
  hostname: (text) => hostname.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  uri: (text) => URL.canParse(text) || /^\/(?!\/)/.test(text),
  uuid: (text) => uuid.test(text),
  uuid3: uuidOf(3),
  uuid4: uuidOf(4),
  uuid5: uuidOf(5),
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: (text) => /^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/.test(text),
};

/** Whether the text is of the format; whatever is not known fits. */
export function fitsFormat(format: string, text: string): boolean {
  return !Object.hasOwn(formats, format) || formats[format]!(text);
}
