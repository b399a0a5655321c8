// RudderStack's client for Node: gzip under a form's content type; the same visit.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const { KEY, HOST, ANONYMOUS, USER, EMAIL } = process.env;
const Client = RudderAnalytics.default ?? RudderAnalytics;
const client = new Client(KEY, { dataPlaneUrl: HOST, flushAt: 3, gzip: true, logLevel: "error" });
client.track({ anonymousId: ANONYMOUS, event: "Product Viewed", properties: { product_id: "p1" } });
client.page({ anonymousId: ANONYMOUS, name: "Home", properties: { path: "/" } });
client.identify({ anonymousId: ANONYMOUS, userId: USER, traits: { email: EMAIL } });
client.track({ userId: USER, event: "Order Completed", properties: { order_id: "o1", total: 27.5 } });
client.screen({ userId: USER, name: "Cart" });
client.group({ userId: USER, groupId: "g1", traits: { name: "Rossi srl" } });
client.alias({ userId: USER, previousId: ANONYMOUS });
await client.flush();
await new Promise((resolve) => setTimeout(resolve, 1500));
process.exit(process.exitCode ?? 0);
