/** How full the disk of images gets before unused ones go, and how full it then stays, in percent: upstream's. */
export const imageThresholds = { highPercent: 85, lowPercent: 80 } as const;
