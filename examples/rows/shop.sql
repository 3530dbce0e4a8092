-- The tables as a shop has them. Their owner runs this; the service connects as another role, which can pass nothing by.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  customer text NOT NULL,
  region text NOT NULL,
  total numeric(12, 2) NOT NULL,
  currency text NOT NULL,
  purposes text[] NOT NULL,
  refunded numeric(12, 2) NOT NULL DEFAULT 0
);
CREATE TABLE shop.lines (
  order_id text NOT NULL REFERENCES shop.orders,
  tenant text NOT NULL,
  what text NOT NULL
);
INSERT INTO shop.orders (id, tenant, customer, region, total, currency, purposes) VALUES
  ('o-1', 'north', 'c-7', 'eu', 3.50, 'EUR', '{customer-care,billing}'),
  ('o-2', 'north', 'c-7', 'us', 4.00, 'EUR', '{customer-care}'),
  ('o-3', 'north', 'c-7', 'eu', 2.00, 'EUR', '{billing}'),
  ('o-4', 'north', 'c-8', 'eu', 1.00, 'EUR', '{customer-care}'),
  ('o-5', 'south', 'c-7', 'eu', 1.00, 'EUR', '{customer-care}'),
  ('o-6', 'north', 'c-7', 'eu', 9.00, 'EUR', '{customer-care}');
INSERT INTO shop.lines VALUES ('o-1', 'north', 'a lamp'), ('o-2', 'north', 'a chair'), ('o-5', 'south', 'a desk');
GRANT USAGE ON SCHEMA shop TO shop_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders, shop.lines TO shop_service;
