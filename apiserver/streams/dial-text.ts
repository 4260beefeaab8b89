/** What Node says of a connection that could not be made, as Go says it, for those who read it. Pure. */

const sayings: readonly (readonly [code: string, saying: string])[] = [
  ['ECONNREFUSED', 'connection refused'],
  ['EHOSTUNREACH', 'no route to host'],
  ['ENETUNREACH', 'network is unreachable'],
  ['ECONNRESET', 'connection reset by peer'],
  ['ETIMEDOUT', 'connection timed out'],
];

/** The sentence with each failed connection in it told as `dial tcp 10.0.0.1:80: connect: connection refused`. */
export function dialText(sentence: string): string {
  return sayings.reduce(
    (text, [code, saying]) =>
      text.replaceAll(
        new RegExp(`connect ${code} ([0-9a-f.:]*):(\\d+)`, 'gi'),
        (_whole, host: string, port: string) =>
          `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}: connect: ${saying}`,
      ),
    sentence,
  );
}
