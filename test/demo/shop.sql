-- A small shop, as it stands in production: some thousand rows in each table.

CREATE TABLE users (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email       text NOT NULL UNIQUE,
    nickname    text,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE carts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    placed_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_items (
    order_id    bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line        int NOT NULL,
    product     text NOT NULL,
    cents       bigint NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL,
    cents       bigint NOT NULL,
    paid_at     timestamptz NOT NULL DEFAULT now()
);

INSERT INTO users (email, nickname)
    SELECT 'user' || i || '@example.com', 'nick' || i FROM generate_series(1, 5000) i;
INSERT INTO carts (user_id)
    SELECT 1 + i % 5000 FROM generate_series(1, 3000) i;
INSERT INTO orders (user_id)
    SELECT 1 + i % 5000 FROM generate_series(1, 20000) i;
INSERT INTO order_items (order_id, line, product, cents)
    SELECT 1 + i % 20000, 1 + i / 20000, 'product ' || i % 100, 100 + i % 900
    FROM generate_series(0, 39999) i;
INSERT INTO payments (order_id, cents)
    SELECT i, 1000 + i % 9000 FROM generate_series(1, 20000) i;

ANALYZE users, carts, orders, order_items, payments;
