// Segment's browser library: asks for its settings, then posts to the short paths, across origins.
import { AnalyticsBrowser } from "@segment/analytics-next";

const at = new URLSearchParams(location.search);
const delivery = at.get("batching") ? { strategy: "batching", config: { size: 3, timeout: 500 } } : undefined;
const analytics = AnalyticsBrowser.load(
  { writeKey: at.get("key"), cdnURL: at.get("host") },
  { integrations: { "Segment.io": { deliveryStrategy: delivery } } },
);
analytics.setAnonymousId(at.get("anonymous"));
await analytics.page("Shop", "Home");
await analytics.track("Product Viewed", { product_id: "p1" });
await analytics.identify(at.get("user"), { email: at.get("email") });
await analytics.track("Order Completed", { order_id: "o1", total: 27.5 });
await analytics.group("g1", { name: "Rossi srl" });
await analytics.alias(at.get("user"), at.get("anonymous"));
document.title = "sent";
