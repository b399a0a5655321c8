// RudderStack's browser library: asks for its source, then posts with headers of its own, across origins.
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const at = new URLSearchParams(location.search);
const analytics = new RudderAnalytics();
analytics.load(at.get("key"), at.get("host"), {
  configUrl: at.get("host"),
  lockIntegrationsVersion: true,
  lockPluginsVersion: true,
  ...(at.get("beacon") ? { useBeacon: true, beaconQueueOptions: { maxItems: 1 } } : {}),
});
analytics.setAnonymousId(at.get("anonymous"));
analytics.ready(() => {
  document.title = "sent";
});
analytics.page("Shop", "Home");
analytics.track("Product Viewed", { product_id: "p1" });
analytics.identify(at.get("user"), { email: at.get("email") });
analytics.track("Order Completed", { order_id: "o1", total: 27.5 });
analytics.group("g1", { name: "Rossi srl" });
analytics.alias(at.get("user"), at.get("anonymous"));
