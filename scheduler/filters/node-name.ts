import type { Filter } from './filter.ts';
import { never } from './filter.ts';

const refused = never("node(s) didn't match the requested node name");

/** A pod that names its node goes nowhere else (upstream: NodeName). */
export const nodeName: Filter = ({ shape: { spec } }) => {
  if (!spec.nodeName) return undefined;
  return ({ name }) => (name === spec.nodeName ? undefined : refused);
};
