/** How many seats a level could have used over a while: the measure by which levels lend to each other. */

export interface SeatDemand {
  high: number;
  average: number;
  deviation: number;
}

export interface DemandMeter {
  /** Notes that `seats` were asked for during the last `ms`. */
  hold(seats: number, ms: number): void;
  /** Notes that `seats` are asked for, if only for a moment. */
  peak(seats: number): void;
  /** What was noted since the last time; begins anew with what is asked for now. */
  take(seats: number): SeatDemand;
}

export function makeDemandMeter(): DemandMeter {
  let [high, sum, squares, totalMs] = [0, 0, 0, 0];
  return {
    hold(seats, ms) {
      sum += seats * ms;
      squares += seats * seats * ms;
      totalMs += ms;
    },
    peak(seats) {
      if (seats > high) high = seats;
    },
    take(seats) {
      const average = totalMs > 0 ? sum / totalMs : seats;
      const variance = totalMs > 0 ? squares / totalMs - average * average : 0;
      const taken = { high: Math.max(high, seats), average, deviation: Math.sqrt(Math.max(0, variance)) };
      [high, sum, squares, totalMs] = [seats, 0, 0, 0];
      return taken;
    },
  };
}
