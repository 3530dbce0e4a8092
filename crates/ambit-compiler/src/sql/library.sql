-- What the policies below ask. All of it stands in the schema `ambit`, which only its owner may write.
DO $ambit$ BEGIN
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ambit'
      AND nspowner <> current_user::regrole) THEN
    RAISE EXCEPTION 'the schema "ambit" is somebody else''s: run this file as the role that owns it, or drop it';
  END IF;
END $ambit$;
CREATE SCHEMA IF NOT EXISTS ambit;
REVOKE ALL ON SCHEMA ambit FROM PUBLIC;
GRANT USAGE ON SCHEMA ambit TO PUBLIC;

-- The key of the seal, as the two blocks of HMAC (RFC 2104). Nobody but the owner reads it.
CREATE TABLE IF NOT EXISTS ambit.seal_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_block bytea NOT NULL CHECK (length(inner_block) = 64),
  outer_block bytea NOT NULL CHECK (length(outer_block) = 64));
REVOKE ALL ON ambit.seal_key FROM PUBLIC;

-- The tables that are guarded.
CREATE TABLE IF NOT EXISTS ambit.guarded (relation regclass PRIMARY KEY);
REVOKE ALL ON ambit.guarded FROM PUBLIC;
GRANT SELECT ON ambit.guarded TO PUBLIC;
-- Whoever made them before reads the key, and opens what they close.
DO $ambit$ BEGIN
  IF EXISTS (SELECT FROM pg_class WHERE oid IN ('ambit.seal_key'::regclass, 'ambit.guarded'::regclass)
      AND relowner <> current_user::regrole) THEN
    RAISE EXCEPTION 'a table of the schema "ambit" is somebody else''s: drop the schema, and run this file again';
  END IF;
END $ambit$;

-- Takes the key of the services: 32 bytes, the same as in their key file. The owner calls it once, and again to change it.
CREATE OR REPLACE FUNCTION ambit.use_key(key bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE
  inner_pad bytea := decode(repeat('36', 64), 'hex');
  outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  IF key IS NULL OR length(key) <> 32 THEN
    RAISE EXCEPTION 'the key must have 32 bytes';
  END IF;
  FOR i IN 0..31 LOOP
    inner_pad := set_byte(inner_pad, i, get_byte(key, i) # 54);
    outer_pad := set_byte(outer_pad, i, get_byte(key, i) # 92);
  END LOOP;
  INSERT INTO ambit.seal_key (inner_block, outer_block) VALUES (inner_pad, outer_pad)
    ON CONFLICT (one) DO UPDATE SET inner_block = inner_pad, outer_block = outer_pad;
END $ambit$;
REVOKE ALL ON FUNCTION ambit.use_key(bytea) FROM PUBLIC;

-- The call that the service was allowed, of the settings `ambit.call` and `ambit.seal`; NULL where they are missing,
-- not sealed by this key, of another policy, or where this transaction began too late for them.
CREATE OR REPLACE FUNCTION ambit.call() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE
  said text := current_setting('ambit.call', true);
  seal text := current_setting('ambit.seal', true);
  wanted bytea;
  kept jsonb;
BEGIN
  IF said IS NULL OR seal IS NULL OR seal !~ '^[0-9a-f]{64}$' THEN
    RETURN NULL;
  END IF;
  SELECT sha256(outer_block || sha256(inner_block || convert_to(said, 'UTF8'))) INTO wanted FROM ambit.seal_key;
  -- Of digests, so that how long it takes tells nothing of the seal.
  IF wanted IS NULL OR sha256(wanted) <> sha256(decode(seal, 'hex')) THEN
    RETURN NULL;
  END IF;
  kept := said::jsonb;
  IF kept ->> 'v' IS DISTINCT FROM 'ambit-rows-1' OR kept ->> 'policy' IS DISTINCT FROM ambit.policy()
      OR (kept ->> 'until')::numeric IS NULL OR (kept ->> 'until')::numeric < extract(epoch FROM transaction_timestamp()) THEN
    RETURN NULL;
  END IF;
  RETURN kept;
END $ambit$;

-- Who asks, for whom and why, also for queries and defaults of columns.
CREATE OR REPLACE FUNCTION ambit.tenant() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT ambit.call() ->> 'tenant' $ambit$;
CREATE OR REPLACE FUNCTION ambit.subject() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT ambit.call() ->> 'subject' $ambit$;
CREATE OR REPLACE FUNCTION ambit.purpose() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT ambit.call() ->> 'purpose' $ambit$;
-- A call without a tenant, for tables without one.
CREATE OR REPLACE FUNCTION ambit.without_tenant() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT ambit.call() -> 'tenant' = 'null'::jsonb $ambit$;

-- The id of the resource that the call is about, if it is of this type and the action is one of these; to write, only
-- where the call is carried out.
CREATE OR REPLACE FUNCTION ambit.about(kind text, actions text[], writes boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$
  SELECT said.call -> 'resource' ->> 'id' FROM (SELECT ambit.call() AS call) AS said
  WHERE said.call -> 'resource' ->> 'type' = kind AND said.call ->> 'action' = ANY (actions)
    AND (NOT writes OR said.call ->> 'power' = 'execute')
$ambit$;

-- The bounds of an argument in all entries that the call rests on.
CREATE OR REPLACE FUNCTION ambit.bounds(argument text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$
  SELECT (SELECT coalesce(jsonb_agg(entry -> argument) FILTER (WHERE entry ? argument), '[]')
    FROM jsonb_array_elements(said.call -> 'bounds') AS entry)
  FROM (SELECT ambit.call() AS call) AS said WHERE jsonb_typeof(said.call -> 'bounds') = 'array'
$ambit$;

-- Money in minor units, as bounds have it: a column of integers has it so, one of decimals has the amount itself.
CREATE OR REPLACE FUNCTION ambit.minor(amount bigint, decimals int) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT to_jsonb(amount) $ambit$;
CREATE OR REPLACE FUNCTION ambit.minor(amount int, decimals int) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT to_jsonb(amount) $ambit$;
CREATE OR REPLACE FUNCTION ambit.minor(amount smallint, decimals int) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT to_jsonb(amount) $ambit$;
CREATE OR REPLACE FUNCTION ambit.minor(amount numeric, decimals int) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$ SELECT to_jsonb(amount * power(10::numeric, decimals)) $ambit$;

-- A number, also one that a bound has as a text; NULL for anything else.
CREATE OR REPLACE FUNCTION ambit.number(given jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE digits text := given #>> '{}';
BEGIN
  IF jsonb_typeof(given) IN ('number', 'string') AND length(digits) <= 64
      AND digits ~ '^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$' THEN
    RETURN digits::numeric;
  END IF;
  RETURN NULL;
END $ambit$;

-- The same value, or the same number.
CREATE OR REPLACE FUNCTION ambit.same(given jsonb, wanted jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$
  SELECT CASE WHEN jsonb_typeof(given) = 'number' THEN coalesce(ambit.number(given) = ambit.number(wanted), false)
    ELSE given = wanted END
$ambit$;

-- A pattern with `*`, `\*` and `\\` as one of LIKE.
CREATE OR REPLACE FUNCTION ambit.pattern(pattern text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE
  made text := '';
  sign text;
  escaped boolean := false;
BEGIN
  FOREACH sign IN ARRAY string_to_array(pattern, NULL) LOOP
    IF NOT escaped AND sign = chr(92) THEN
      escaped := true;
      CONTINUE;
    END IF;
    made := made || CASE WHEN sign = '*' AND NOT escaped THEN '%'
      WHEN sign IN ('%', '_', chr(92)) THEN chr(92) || sign ELSE sign END;
    escaped := false;
  END LOOP;
  RETURN CASE WHEN escaped THEN NULL ELSE made END;
END $ambit$;

-- Whether a value meets one constraint of docs/token.md, section 4. A kind that is not known here is never met.
CREATE OR REPLACE FUNCTION ambit.holds(given jsonb, bound jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE
  kind text := bound ->> 'constraint_type';
  is_list boolean := jsonb_typeof(given) IS NOT DISTINCT FROM 'array';
  number numeric;
BEGIN
  IF kind = 'wildcard' THEN
    RETURN true;
  ELSIF kind = 'optional' THEN
    RETURN given IS NULL OR jsonb_typeof(given) = 'null' OR ambit.holds(given, bound -> 'constraint');
  ELSIF given IS NULL THEN
    RETURN false;
  ELSIF kind = 'exact' THEN
    RETURN ambit.same(given, bound -> 'value');
  ELSIF kind = 'one_of' THEN
    RETURN EXISTS (SELECT FROM jsonb_array_elements(bound -> 'values') AS one WHERE ambit.same(given, one));
  ELSIF kind = 'not_one_of' THEN
    RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(bound -> 'excluded') AS one
      WHERE ambit.same(given, one) OR (jsonb_typeof(given) <> jsonb_typeof(one)
        AND (jsonb_typeof(given) <> 'number' OR ambit.number(one) IS NULL)));
  ELSIF kind = 'range' THEN
    number := CASE WHEN jsonb_typeof(given) = 'number' THEN ambit.number(given) END;
    RETURN number IS NOT NULL AND (bound ? 'min' OR bound ? 'max')
      AND (NOT bound ? 'min' OR coalesce(number >= ambit.number(bound -> 'min'), false))
      AND (NOT bound ? 'max' OR coalesce(number <= ambit.number(bound -> 'max'), false));
  ELSIF kind = 'like' THEN
    RETURN jsonb_typeof(given) = 'string'
      AND coalesce((given #>> '{}') COLLATE "C" LIKE ambit.pattern(bound ->> 'pattern'), false);
  ELSIF kind = 'each' THEN
    RETURN is_list AND NOT EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN is_list THEN given ELSE '[]' END) AS one
      WHERE NOT ambit.holds(one, bound -> 'constraint'));
  ELSIF kind = 'subset' THEN
    RETURN is_list AND NOT EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN is_list THEN given ELSE '[]' END) AS one
      WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(bound -> 'values') AS listed WHERE ambit.same(one, listed)));
  ELSIF kind = 'contains' THEN
    RETURN is_list AND NOT EXISTS (SELECT FROM jsonb_array_elements(bound -> 'values') AS listed
      WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN is_list THEN given ELSE '[]' END) AS one
        WHERE ambit.same(one, listed)));
  ELSIF kind = 'count' THEN
    RETURN is_list AND (bound ? 'min' OR bound ? 'max')
      AND (NOT bound ? 'min' OR coalesce(jsonb_array_length(given) >= ambit.number(bound -> 'min'), false))
      AND (NOT bound ? 'max' OR coalesce(jsonb_array_length(given) <= ambit.number(bound -> 'max'), false));
  ELSIF kind = 'all' THEN
    RETURN ambit.within(given, bound -> 'constraints');
  ELSIF kind = 'any' THEN
    RETURN EXISTS (SELECT FROM jsonb_array_elements(bound -> 'constraints') AS one WHERE ambit.holds(given, one));
  END IF;
  RETURN false;
END $ambit$;

-- Whether a value meets all of these.
CREATE OR REPLACE FUNCTION ambit.within(given jsonb, bounds jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $ambit$
BEGIN
  IF jsonb_typeof(bounds) IS DISTINCT FROM 'array' THEN
    RETURN false;
  END IF;
  RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(bounds) AS one WHERE NOT coalesce(ambit.holds(given, one), false));
END $ambit$;

CREATE OR REPLACE FUNCTION ambit.has_key() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $ambit$
  SELECT EXISTS (SELECT FROM ambit.seal_key)
$ambit$;

-- For a service, once when it starts: an error where rows are not guarded from the role that it connects as.
CREATE OR REPLACE FUNCTION ambit.check() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $ambit$
DECLARE
  loose text;
BEGIN
  IF NOT ambit.has_key() THEN
    RAISE EXCEPTION 'ambit: no key has been given: the owner calls ambit.use_key';
  END IF;
  IF EXISTS (SELECT FROM pg_roles AS role WHERE (role.rolsuper OR role.rolbypassrls)
      AND pg_has_role(session_user, role.oid, 'MEMBER')) THEN
    RAISE EXCEPTION 'ambit: the role % can pass row-level security by: connect as one without SUPERUSER and BYPASSRLS',
      quote_ident(session_user);
  END IF;
  IF has_table_privilege(session_user, 'ambit.seal_key', 'SELECT, INSERT, UPDATE') THEN
    RAISE EXCEPTION 'ambit: the role % can reach the key of the seal: connect as another one than the owner',
      quote_ident(session_user);
  END IF;
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ambit' AND pg_has_role(session_user, nspowner, 'MEMBER')) THEN
    RAISE EXCEPTION 'ambit: the role % owns the schema "ambit": connect as another one', quote_ident(session_user);
  END IF;
  SELECT relation::text INTO loose FROM ambit.guarded LEFT JOIN pg_class ON pg_class.oid = relation
    WHERE (relrowsecurity AND relforcerowsecurity) IS NOT TRUE
      OR pg_has_role(session_user, relowner, 'MEMBER')
      OR has_table_privilege(session_user, relation, 'TRUNCATE')
      OR EXISTS (SELECT FROM pg_policy WHERE polrelid = relation AND polpermissive AND polname !~ '^ambit_')
    LIMIT 1;
  IF loose IS NOT NULL THEN
    RAISE EXCEPTION 'ambit: the table % is open: its row-level security is off, it has another permissive policy, or the role % owns it or may truncate it',
      loose, quote_ident(session_user);
  END IF;
END $ambit$;

TRUNCATE ambit.guarded;
