/** What page and service worker both remember: IndexedDB, since a worker has no localStorage. */

export interface Config {
  gateway: string;
  key: string;
  locale: string;
}
export interface Visitor {
  anonymous_id: string;
  visitor: string;
}
export interface Identity {
  token: string;
  user: string;
  /** Until when it names its user, epoch seconds by this browser's own clock. */
  exp: number;
  /** When the login was told, epoch ms. */
  at: number;
  /** The gateway does not take it: it names nobody, and keeps the browser from the visitor. */
  refused?: boolean;
}
export interface Device {
  id: string;
  key_id: string;
  json: PushSubscriptionJSON;
}
interface Known {
  config: Config;
  visitor: Visitor;
  identity: Identity;
  device: Device;
  /** The person said yes, and has not taken it back: what failed at that moment is tried again. */
  wanted: true;
  /** When our own prompt was declined, or the subscription ended by its person, epoch ms. */
  declined: number;
  /** Jobs whose notification is over: a close event of theirs is no dismissal. */
  ended: string[];
  /** When presence was last told, epoch ms. */
  engaged: number;
  /** Onsite messages that a page has shown. */
  shown: string[];
}
/** Lists in order of arrival. */
export type Queue = "events" | "reports";

let opened: Promise<IDBDatabase> | undefined;

/** Storage is full, blocked or lost, or the browser refuses: its page goes on all the same. */
export const unable = (error: unknown): false => {
  console.warn("nudge:", error);
  return false;
};

const forget = () => (opened = undefined);

const open = () => {
  opened ??= new Promise((done, failed) => {
    const request = indexedDB.open("nudge", 1);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore("known");
      database.createObjectStore("events", { autoIncrement: true });
      database.createObjectStore("reports", { autoIncrement: true });
    };
    request.onsuccess = () => {
      request.result.onclose = forget;
      done(request.result);
    };
    request.onerror = () => failed(request.error);
  });
  opened.catch(forget);
  return opened;
};

const ask = async <T>(
  name: string,
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest,
): Promise<T> => {
  const transaction = (await open()).transaction(name, mode);
  const request: IDBRequest<T> = use(transaction.objectStore(name));
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = transaction.onabort = () => failed(transaction.error);
  });
};

export const get = <Name extends keyof Known>(name: Name): Promise<Known[Name] | undefined> =>
  ask("known", "readonly", (store) => store.get(name));

export const put = <Name extends keyof Known>(
  name: Name,
  value: Known[Name] | undefined,
): Promise<unknown> =>
  ask<unknown>("known", "readwrite", (store) =>
    value === undefined ? store.delete(name) : store.put(value, name),
  );

export const push = (queue: Queue, value: object): Promise<IDBValidKey> =>
  ask(queue, "readwrite", (store) => store.add(value));

export const replace = (queue: Queue, key: IDBValidKey, value: object): Promise<IDBValidKey> =>
  ask(queue, "readwrite", (store) => store.put(value, key));

export const drop = (queue: Queue, from: IDBValidKey, to = from): Promise<unknown> =>
  ask<unknown>(queue, "readwrite", (store) => store.delete(IDBKeyRange.bound(from, to)));

/** The oldest `most`, with their keys. */
export const peek = async <T>(queue: Queue, most: number): Promise<[IDBValidKey, T][]> => {
  const [keys, values] = await Promise.all([
    ask<IDBValidKey[]>(queue, "readonly", (store) => store.getAllKeys(null, most)),
    ask<T[]>(queue, "readonly", (store) => store.getAll(null, most)),
  ]);
  return keys.map((key, place) => [key, values[place] as T]);
};

/** One at a time over all tabs and the worker, where the browser has locks. */
export const alone = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  navigator.locks ? (navigator.locks.request(`nudge-${name}`, work) as Promise<T>) : work();
