/** When a container's log is put aside, and how many parts of it are kept, the one being written among them: upstream's. */
export const logLimits = { maxBytes: 10 * 1024 * 1024, maxFiles: 5 } as const;
