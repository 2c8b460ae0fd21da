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
  engagement: { ms: number };
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
}

/** The words of the soft prompt. */
export interface PromptText {
  title: string;
  body: string;
  accept: string;
  decline: string;
}

export type Reach =
  /** This browser can be pushed to. */
  | "subscribed"
  /** It could be, and has not been asked. */
  | "askable"
  /** The person said no to our prompt, less than 30 days ago. */
  | "declined"
  /** The person said no to the browser: only they can change that, in its settings. */
  | "blocked"
  /** No Push API here: an old browser, a private window, iOS outside the Home Screen. */
  | "unsupported";

export interface Nudge extends Helpers {
  /** Call once a page, before anything else. */
  init(options: Options): Promise<void>;
  /** Any event; the helpers are its typed form. */
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
  /** Sends what waits, now. */
  flush(): Promise<void>;
}

declare global {
  /** Set by `nudge.js`. */
  // eslint-disable-next-line no-var
  var nudge: Nudge;
}
