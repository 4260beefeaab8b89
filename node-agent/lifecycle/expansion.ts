/** References to variables in commands, arguments and values, as upstream's `third_party/forked/golang/expansion`. */

/** Replaces `$(NAME)` by its value; `$$` means `$`, and a name without a value stays as it is written. */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(?:(\$)|\(([^)]*)\))/g, (whole, dollar: string | undefined, name: string) =>
    dollar !== undefined ? '$' : (valueOf(name) ?? whole),
  );
}
