/** Money in minor units of its currency (cents, grosze). */
type Minor = number;
/** Epoch milliseconds. */
type EpochMs = number;

interface Product {
  product_id: string;
  variant_id?: string;
}
interface Item extends Product {
  quantity?: number;
  /** Of one piece. */
  price: Minor;
}

/** What a page may tell, by the names of `shop.events`. */
export interface Events {
  page_view: { url: string; title?: string };
  engagement: { ms: number; onsite?: boolean };
  view_item: Product & {
    category?: string;
    price?: Minor;
    currency?: string;
    available?: boolean;
  };
  view_item_list: { category: string; product_ids?: string[] };
  search: { query: string; results?: number };
  add_to_cart: Product & { quantity?: number; price: Minor; currency: string; category?: string };
  remove_from_cart: Product & { quantity?: number };
  cart_snapshot: { items: Item[]; currency: string };
  add_to_wishlist: Product & { price?: Minor };
  remove_from_wishlist: Product;
  stock_alert_requested: Product & { price?: Minor };
  begin_checkout: { value?: Minor; delivery_cost?: Minor; currency?: string };
  coupon_attempt: { code: string; accepted: boolean };
  purchase: {
    order_id: string;
    items: Item[];
    value: Minor;
    currency: string;
    delivery_cost?: Minor;
    expected_delivery?: EpochMs;
  };
  profile_update: { traits: Record<string, string | number | boolean | null | string[]> };
  consent_change: {
    purpose: "service" | "marketing" | "profiling";
    granted: boolean;
    text_version?: string;
  };
  reminder_set: {
    reminder_id: string;
    at: EpochMs;
    title: string;
    url?: string;
    /** Milliseconds before `at`, one reminder each. */
    lead?: number[];
  };
  reminder_cancelled: { reminder_id: string };
  topic_follow: { topic: string };
  topic_unfollow: { topic: string };
  survey_answer: { survey: string; answer: string };
  /** After `login`, which says who it is. */
  sign_up: { user_id?: string };
  /** Told by `prompt` and `subscribe`; by a shop that asks in its own way. */
  push_prompt: {
    prompt: string;
    step: "shown" | "accepted" | "declined" | "granted" | "denied" | "dismissed";
  };
}

/** One function an event: `nudge.add_to_cart({…})`. */
export type Helpers = { [Type in keyof Events]: (fields: Events[Type]) => Promise<void> };

export interface Options {
  /** The gateway's origin, as `https://push.shop.example`. */
  gateway: string;
  /** A public write key. */
  key: string;
  /** Where the shop serves the service worker. Default: `/nudge-sw.js`. */
  serviceWorker?: string;
  /** BCP 47. Default: the page's `lang`, else the browser's. */
  locale?: string;
  /** Whether `page_view` and `engagement` are told without being asked. Default: true. */
  automatic?: boolean;
  /** How often a page in front says so, ms. Default: a minute, which is the most the rules want. */
  engagementEvery?: number;
  /** For `nudge-inbox.js`, where the page has it; `false`: it is not started. */
  inbox?: InboxOptions | false;
}

/** A message as the inbox holds it. */
export interface Message {
  job_id: string;
  scenario: string;
  title: string;
  body: string;
  url: string;
  icon?: string;
  image?: string;
  actions?: { action: string; title: string; url?: string }[];
  locale: string;
  tag: string;
  /** How it came: to the browser's notifications, or to the page in front. */
  channel: "push" | "onsite";
  /** When it was decided. */
  at: EpochMs;
  /** From then on it is not shown by itself. */
  expires_at: EpochMs;
  read: boolean;
  /** For reports of what became of it. */
  subscription_id: string;
  token: string;
}

export interface InboxOptions {
  /** Shows a message that came to this page, in the place of our card. */
  show?(message: Message): void;
  /** The words on our card. Default: English. */
  openLabel?: string;
  closeLabel?: string;
}

/** What `nudge-inbox.js` adds: messages on the page, and the newest 50 to read again. */
export interface Inbox {
  /** Whether this page is connected: while it is, messages come here and are not pushed. */
  live: boolean;
  /** `init` calls it; so does the file itself where it comes later. */
  start(options?: InboxOptions): void;
  /** The newest 50, newest first; `undefined` where the gateway does not answer. */
  messages(): Promise<Message[] | undefined>;
  /** Marks them as read, on every page and device. */
  read(...jobIds: string[]): Promise<void>;
  /** The person clicked it (or one of its actions): told, marked as read, and gone to. */
  open(message: Message, action?: string): Promise<void>;
  /** The person closed it: told, and marked as read. */
  dismiss(message: Message): Promise<void>;
  /** Calls when the inbox is not what it was; with the message where one came. Answers its end. */
  onchange(listener: (message?: Message) => void): () => void;
}

/** The words of the soft prompt. */
export interface PromptText {
  /** What `push_prompt` events call it, so that prompts can be compared. Default: `prompt`. */
  name?: string;
  title: string;
  body: string;
  accept: string;
  decline: string;
}

export type Reach =
  /** This browser can be pushed to. */
  | "subscribed"
  /** It could be: it has not been asked, or said yes and is subscribed at its next visit. */
  | "askable"
  /** The person said no to our prompt, or unsubscribed, less than 30 days ago. */
  | "declined"
  /** The person said no to the browser: only they can change that, in its settings. */
  | "blocked"
  /** No Push API here: an old browser, a private window, iOS outside the Home Screen, no storage. */
  | "unsupported";

export interface Nudge extends Helpers {
  /** Call once a page, before anything else. */
  init(options: Options): Promise<void>;
  /** What `init` was given. */
  options?: Options;
  /** Any event; the helpers are its typed form. Rejects where JSON has no form for a field. */
  track(type: string, fields?: object): Promise<void>;
  /** Where this browser stands. */
  reach(): Promise<Reach>;
  /** Shows the soft prompt where the browser is askable; the browser's own follows a click on it. */
  prompt(text: PromptText): Promise<Reach>;
  /** Subscribes. Call it from a click of the shop's own. */
  subscribe(): Promise<Reach>;
  /** Ends the subscription, here and at the gateway. */
  unsubscribe(): Promise<void>;
  /** Says who is logged in: a token that the shop's server signed. Call it at each page. */
  login(identity: string): Promise<void>;
  /** Gives the browser back to the visitor: what was for the user is shown here no more. */
  logout(): Promise<void>;
  /**
   * This browser's anonymous id, which stands in its events: for the shop's server, when it tells
   * what a guest did. `undefined` where the gateway has not named the browser yet.
   */
  visitor(): Promise<string | undefined>;
  /** Sends what waits, now. */
  flush(): Promise<void>;
  /** Where the page has `nudge-inbox.js`. */
  inbox?: Inbox;
}

declare global {
  /** Set by `nudge.js`. */
  // eslint-disable-next-line no-var
  var nudge: Nudge;
}
