/** Joins the streams of running containers, and reaches ports in pods. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Duplex } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import type { Attacher, PortOpener } from '../types.ts';
import { conmonOrders } from './conmon.ts';
import { bridge, deliver, running, streamSession } from './exec.ts';
import { containerFolders, podFolders } from './folders.ts';
import type { Workshop } from './workshop.ts';

/** A pod that does not answer by then does not listen. */
const connectLimitMs = 10_000;
const mostComplaintBytes = 4096;

export function makeAttacher(shop: Workshop): Attacher {
  return {
    async attach(id, options, sink) {
      const { record } = running(shop, id);
      const folders = containerFolders(shop.folders, record.podUid, id);
      const child = spawn('perl', [bridge, 'attach', folders.folder], {
        stdio: [options.stdin && record.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      });
      const session = streamSession(child, deliver(child, sink), () => child.kill('SIGKILL'));
      return {
        ...session,
        resize: (width, height) => {
          if (record.tty) orderConmon(folders.control, conmonOrders.resize(width, height));
        },
      };
    },
  };
}

/** Has conmon begin its log file anew after it was renamed. */
export function reopenLog(shop: Workshop, id: string): void {
  const { record } = running(shop, id);
  orderConmon(containerFolders(shop.folders, record.podUid, id).control, conmonOrders.reopenLog);
}

export function makePortOpener(shop: Workshop): PortOpener {
  return {
    openPort(podUid, port) {
      const pod = shop.pods.get(podUid);
      if (!pod) return Promise.reject(new Error(`pod ${podUid} has no sandbox`));
      const command = ['perl', bridge, 'connect', String(port)];
      const pin = path.join(podFolders(shop.folders, podUid).pins, 'net');
      const [program, ...args] = pod.record.spec.hostNetwork ? command : ['nsenter', `--net=${pin}`, '--', ...command];
      return connectThrough(shop, program!, args, port);
    },
  };
}

/** Resolves once the bridge says that the connection stands. */
function connectThrough(shop: Workshop, program: string, args: string[], port: number): Promise<Duplex> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    if (complaint.length < mostComplaintBytes) complaint += data.toString();
  });
  return new Promise((resolve, reject) => {
    const cancel = shop.env.after(connectLimitMs, () => child.kill('SIGKILL'));
    child.on('error', reject);
    // When the connection stood before, nobody listens to the rejection any more.
    child.on('close', () => {
      cancel();
      reject(new Error(`failed to connect to localhost:${port} inside the pod: ${complaint.trim() || 'no answer'}`));
    });
    child.stdout.once('readable', () => {
      if (child.stdout.read(1) === null) return;
      cancel();
      resolve(joined(child));
    });
  });
}

/** The bridge's pipes as one stream. It ends as the connection does, which is no fault of whoever still writes: what came before is delivered. */
function joined(child: ChildProcessByStdio<Writable, Readable, Readable>): Duplex {
  const { stdin, stdout } = child;
  const duplex = new Duplex({
    read: () => void stdout.resume(),
    write: (data: Buffer, _encoding, done) => void stdin.write(data, () => done()),
    final(done) {
      stdin.end();
      done();
    },
    destroy(error, done) {
      child.kill('SIGKILL');
      done(error);
    },
  });
  stdin.on('error', () => {});
  stdout.on('data', (data: Buffer) => {
    if (!duplex.push(data)) stdout.pause();
  });
  stdout.on('end', () => duplex.push(null));
  return duplex;
}

function orderConmon(fifo: string, order: string): void {
  // Non-blocking, so that a conmon that is gone is an error and not a wait.
  const descriptor = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(descriptor, order);
  } finally {
    closeSync(descriptor);
  }
}
