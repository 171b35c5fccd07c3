// A network of its own for one program, on which everything in one direction can be dropped without a word.
import { spawnSync } from 'node:child_process';

/** As the program sees it. */
export type Direction = 'outgoing' | 'incoming';

export interface WorkerNetwork {
  /** Run a program behind these words, and it is on the network. */
  readonly command: readonly string[];
  /** From which the program's connections come. */
  readonly address: string;
  cut(direction: Direction): void;
  heal(): void;
  remove(): void;
}

// Nobody on the link has it: frames to it are delivered, and dropped.
const NOBODY = '02:00:00:00:00:01';

/** Whether this machine lets us make networks: Linux with iproute2, as root. */
export const canMakeNetworks = ((): boolean => {
  const probe = `gw-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return false;
  return spawnSync('ip', ['netns', 'delete', probe]).status === 0;
})();

/**
 * Makes the network of this number (0 to 63), from which one port of this machine's loopback can be reached as if it
 * were its own: a server needs to listen nowhere else, only to admit `address`.
 */
export function makeNetwork(number: number, port: number): WorkerNetwork {
  const [name, here, there] = ['netns', 'here', 'there'].map((part) => `gw${process.pid}${part[0]}${number}`);
  const [gateway, address] = [1, 2].map((host) => `10.231.${number}.${host}`);
  const inside = `netns exec ${name}`;
  ip(`netns add ${name}`);
  ip(`link add ${here} type veth peer name ${there} netns ${name}`);
  ip(`address add ${gateway}/30 dev ${here}`);
  ip(`link set ${here} up`);
  ip(`-n ${name} address add ${address}/30 dev ${there}`);
  ip(`-n ${name} link set ${there} up`);
  ip(`-n ${name} link set lo up`);
  // Loopback addresses may travel on the link, and those of the one port do.
  setUp('', `${here}.route_localnet=1`);
  setUp(inside, `${there}.route_localnet=1`, `${there}.accept_local=1`, `${there}.rp_filter=0`, 'all.rp_filter=0');
  ip(`-n ${name} route add 127.0.0.1/32 via ${gateway} dev ${there} src ${address} table 77`);
  ip(`-n ${name} rule add pref 10 ipproto tcp dport ${port} lookup 77`);
  ip(`-n ${name} rule add pref 100 lookup local`);
  ip(`-n ${name} rule delete pref 0`);
  return {
    command: ['ip', ...inside.split(' ')],
    address: address!,
    cut: (direction) =>
      direction === 'outgoing'
        ? ip(`-n ${name} neighbour replace ${gateway} lladdr ${NOBODY} dev ${there} nud permanent`)
        : ip(`neighbour replace ${address} lladdr ${NOBODY} dev ${here} nud permanent`),
    heal: () => {
      for (const neighbour of [
        `-n ${name} neighbour delete ${gateway} dev ${there}`,
        `neighbour delete ${address} dev ${here}`,
      ])
        spawnSync('ip', neighbour.split(' '));
    },
    remove: () => void spawnSync('ip', ['netns', 'delete', name!]),
  };
}

function ip(words: string): void {
  const { status, stderr } = spawnSync('ip', words.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words}: ${stderr}`);
}

function setUp(inside: string, ...settings: readonly string[]): void {
  const [command, ...words] = [...(inside === '' ? [] : ['ip', ...inside.split(' ')]), 'sysctl', '-qw'];
  const { status, stderr } = spawnSync(command!, [...words, ...settings.map((each) => `net.ipv4.conf.${each}`)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`sysctl ${settings.join(' ')}: ${stderr}`);
}
