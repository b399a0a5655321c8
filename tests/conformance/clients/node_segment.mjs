// Segment's client for Node: a visitor looks, signs in and buys.
import { Analytics } from "@segment/analytics-node";

const { KEY, HOST, ANONYMOUS, USER, EMAIL } = process.env;
const analytics = new Analytics({ writeKey: KEY, host: HOST, maxRetries: 3 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
analytics.track({ anonymousId: ANONYMOUS, event: "Product Viewed", properties: { product_id: "p1" } });
analytics.page({ anonymousId: ANONYMOUS, name: "Home", properties: { path: "/" } });
analytics.identify({ anonymousId: ANONYMOUS, userId: USER, traits: { email: EMAIL } });
analytics.track({ userId: USER, event: "Order Completed", properties: { order_id: "o1", total: 27.5 } });
analytics.screen({ userId: USER, name: "Cart" });
analytics.group({ userId: USER, groupId: "g1", traits: { name: "Rossi srl" } });
analytics.alias({ userId: USER, previousId: ANONYMOUS });
await analytics.closeAndFlush({ timeout: 20000 });
