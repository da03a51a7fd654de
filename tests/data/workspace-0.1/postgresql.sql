--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: api_answer; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_answer (
    token_id bigint NOT NULL,
    key character varying(255) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    at double precision NOT NULL,
    status integer,
    body text DEFAULT ''::text NOT NULL,
    location text DEFAULT ''::text NOT NULL
);


--
-- Name: api_token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_token (
    id bigint NOT NULL,
    key character varying(255) NOT NULL,
    name text NOT NULL,
    digest character varying(64) NOT NULL,
    scopes json NOT NULL,
    created_at double precision NOT NULL,
    used_at double precision,
    revoked_at double precision
);


--
-- Name: api_token_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: api_token_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.api_token_id_seq OWNED BY public.api_token.id;


--
-- Name: approval; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.approval (
    digest character varying(128) NOT NULL,
    by character varying(255) NOT NULL,
    slug text NOT NULL,
    source character varying(64) NOT NULL,
    at double precision NOT NULL
);


--
-- Name: attempt; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempt (
    delivery_id bigint NOT NULL,
    number integer NOT NULL,
    opened_at double precision NOT NULL,
    closed_at double precision,
    relay text DEFAULT ''::text NOT NULL,
    stage character varying(16),
    code integer,
    enhanced text DEFAULT ''::text NOT NULL,
    reply text DEFAULT ''::text NOT NULL,
    verdict character varying(16),
    lost boolean DEFAULT false NOT NULL
);


--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at double precision NOT NULL,
    actor text NOT NULL,
    action character varying(64) NOT NULL,
    object text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL
);


--
-- Name: audit_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: audit_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;


--
-- Name: consent; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consent (
    id bigint NOT NULL,
    identity text NOT NULL,
    list_id integer,
    at double precision NOT NULL,
    form text NOT NULL,
    words text NOT NULL,
    ip text DEFAULT ''::text NOT NULL,
    confirmed_at double precision
);


--
-- Name: consent_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.consent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: consent_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.consent_id_seq OWNED BY public.consent.id;


--
-- Name: correction; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.correction (
    id bigint NOT NULL,
    slug text NOT NULL,
    digest character varying(128) NOT NULL,
    note text NOT NULL,
    at double precision NOT NULL
);


--
-- Name: correction_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.correction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: correction_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.correction_id_seq OWNED BY public.correction.id;


--
-- Name: delivery; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delivery (
    id bigint NOT NULL,
    send_id integer NOT NULL,
    identity text NOT NULL,
    address text NOT NULL,
    fields text NOT NULL,
    state character varying(16) NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    resends integer DEFAULT 0 NOT NULL,
    assumed boolean DEFAULT false NOT NULL,
    date double precision,
    next_at double precision DEFAULT '0'::double precision NOT NULL,
    updated_at double precision NOT NULL
);


--
-- Name: delivery_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: delivery_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.delivery_id_seq OWNED BY public.delivery.id;


--
-- Name: desk_session; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.desk_session (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    user_id integer NOT NULL,
    browser text NOT NULL,
    address text NOT NULL,
    created_at double precision NOT NULL,
    seen_at double precision NOT NULL
);


--
-- Name: desk_session_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.desk_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: desk_session_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.desk_session_id_seq OWNED BY public.desk_session.id;


--
-- Name: desk_user; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.desk_user (
    id integer NOT NULL,
    key character varying(255) NOT NULL,
    name text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    role character varying(16) NOT NULL,
    password text DEFAULT ''::text NOT NULL,
    link character varying(64),
    link_until double precision,
    created_at double precision NOT NULL,
    removed_at double precision,
    oidc_login text,
    oidc_issuer text,
    oidc_subject text
);


--
-- Name: desk_user_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.desk_user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: desk_user_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.desk_user_id_seq OWNED BY public.desk_user.id;


--
-- Name: draft; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.draft (
    id bigint NOT NULL,
    file character varying(255) NOT NULL,
    at double precision NOT NULL,
    actor text NOT NULL,
    digest character varying(64) NOT NULL,
    words integer NOT NULL,
    text text NOT NULL
);


--
-- Name: draft_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.draft_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: draft_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.draft_id_seq OWNED BY public.draft.id;


--
-- Name: edition; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edition (
    digest character varying(128) NOT NULL,
    slug text NOT NULL,
    title text NOT NULL,
    subject text NOT NULL,
    language text NOT NULL,
    "json" text NOT NULL,
    created_at double precision NOT NULL
);


--
-- Name: edition_media; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edition_media (
    digest character varying(128) NOT NULL,
    name character varying(255) NOT NULL
);


--
-- Name: lease; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lease (
    send_id integer NOT NULL,
    holder character varying(64) NOT NULL,
    pid integer NOT NULL,
    host text NOT NULL,
    expires_at double precision NOT NULL
);


--
-- Name: leaving_reason; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.leaving_reason (
    identity character varying(512) NOT NULL,
    said_at double precision NOT NULL,
    reason character varying(16) NOT NULL,
    words text DEFAULT ''::text NOT NULL,
    at double precision NOT NULL
);


--
-- Name: letter; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.letter (
    id bigint NOT NULL,
    kind character varying(16) NOT NULL,
    identity text NOT NULL,
    address text NOT NULL,
    list_id integer,
    payload json NOT NULL,
    created_at double precision NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_at double precision DEFAULT '0'::double precision NOT NULL,
    settled_at double precision,
    reply text DEFAULT ''::text NOT NULL
);


--
-- Name: letter_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: letter_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.letter_id_seq OWNED BY public.letter.id;


--
-- Name: list; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.list (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    columns json NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    findings json NOT NULL,
    sync_id bigint
);


--
-- Name: list_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.list_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: list_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.list_id_seq OWNED BY public.list.id;


--
-- Name: list_sync; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.list_sync (
    id bigint NOT NULL,
    list_id integer NOT NULL,
    at double precision NOT NULL,
    by text NOT NULL,
    digest_before character varying(64) NOT NULL,
    size_before bigint NOT NULL,
    digest_after character varying(64) DEFAULT ''::character varying NOT NULL,
    size_after bigint DEFAULT '0'::bigint NOT NULL,
    counts json NOT NULL,
    undo_of bigint
);


--
-- Name: list_sync_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.list_sync_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: list_sync_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.list_sync_id_seq OWNED BY public.list_sync.id;


--
-- Name: media; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media (
    name character varying(255) NOT NULL,
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    data bytea NOT NULL
);


--
-- Name: member; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.member (
    id bigint NOT NULL,
    list_id integer NOT NULL,
    identity text NOT NULL,
    address text NOT NULL,
    fields text NOT NULL,
    own text DEFAULT '{}'::text NOT NULL,
    status character varying(16) DEFAULT 'subscribed'::character varying NOT NULL,
    said_by character varying(16) DEFAULT 'file'::character varying NOT NULL,
    since double precision NOT NULL,
    joined_at double precision NOT NULL,
    source character varying(16) DEFAULT 'file'::character varying NOT NULL,
    in_file boolean DEFAULT true NOT NULL,
    line integer DEFAULT 2147483647 NOT NULL,
    base_status character varying(16),
    paused_until double precision,
    removed_at double precision
);


--
-- Name: member_change; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.member_change (
    id bigint NOT NULL,
    list_id integer NOT NULL,
    identity text NOT NULL,
    at double precision NOT NULL,
    by text NOT NULL,
    what character varying(16) NOT NULL,
    before text DEFAULT ''::text NOT NULL,
    after text DEFAULT ''::text NOT NULL,
    sync_id bigint
);


--
-- Name: member_change_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.member_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: member_change_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.member_change_id_seq OWNED BY public.member_change.id;


--
-- Name: member_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.member_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: member_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.member_id_seq OWNED BY public.member.id;


--
-- Name: meta; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.meta (
    key character varying(64) NOT NULL,
    value text NOT NULL
);


--
-- Name: send; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.send (
    id integer NOT NULL,
    kind character varying(16) NOT NULL,
    slug text NOT NULL,
    digest character varying(128) NOT NULL,
    state character varying(16) NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    cancelling boolean DEFAULT false NOT NULL,
    lists json NOT NULL,
    exclude json NOT NULL,
    key_name text NOT NULL,
    parent_id integer,
    repeat character varying(16) NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    created_at double precision NOT NULL,
    at double precision,
    begun_at double precision,
    settled_at double precision,
    ended_at double precision,
    first_id bigint DEFAULT '0'::bigint NOT NULL,
    last_id bigint DEFAULT '-1'::bigint NOT NULL,
    condition text DEFAULT ''::text NOT NULL,
    by text DEFAULT ''::text NOT NULL,
    token character varying(64),
    carried boolean DEFAULT false NOT NULL,
    take_back boolean DEFAULT false NOT NULL
);


--
-- Name: send_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.send_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: send_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.send_id_seq OWNED BY public.send.id;


--
-- Name: send_list; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.send_list (
    send_id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: suppression; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.suppression (
    identity character varying(512) NOT NULL,
    reason character varying(16) NOT NULL,
    beneath character varying(16),
    at double precision NOT NULL,
    source text NOT NULL,
    send_id integer
);


--
-- Name: suppression_change; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.suppression_change (
    id bigint NOT NULL,
    identity text NOT NULL,
    change character varying(16) NOT NULL,
    reason character varying(16) NOT NULL,
    at double precision NOT NULL,
    source text NOT NULL,
    send_id integer
);


--
-- Name: suppression_change_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.suppression_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: suppression_change_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.suppression_change_id_seq OWNED BY public.suppression_change.id;


--
-- Name: warmup_day; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.warmup_day (
    sender text NOT NULL,
    day character varying(10) NOT NULL,
    gone integer NOT NULL
);


--
-- Name: webhook; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook (
    id integer NOT NULL,
    url text NOT NULL,
    key character varying(32) NOT NULL,
    key_name text NOT NULL,
    salt character varying(64) NOT NULL,
    old_key_name text,
    old_salt character varying(64),
    old_until double precision,
    created_at double precision NOT NULL,
    paused_at double precision,
    paused_because text DEFAULT ''::text NOT NULL
);


--
-- Name: webhook_attempt; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_attempt (
    id bigint NOT NULL,
    message_id bigint NOT NULL,
    at double precision NOT NULL,
    seconds double precision NOT NULL,
    status integer,
    error text DEFAULT ''::text NOT NULL,
    answer text DEFAULT ''::text NOT NULL
);


--
-- Name: webhook_attempt_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.webhook_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: webhook_attempt_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.webhook_attempt_id_seq OWNED BY public.webhook_attempt.id;


--
-- Name: webhook_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_event (
    webhook_id integer NOT NULL,
    event character varying(16) NOT NULL
);


--
-- Name: webhook_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.webhook_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: webhook_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.webhook_id_seq OWNED BY public.webhook.id;


--
-- Name: webhook_message; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_message (
    id bigint NOT NULL,
    webhook_id integer NOT NULL,
    event character varying(16) NOT NULL,
    identity text DEFAULT ''::text NOT NULL,
    data text NOT NULL,
    at double precision NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    first_at double precision,
    next_at double precision NOT NULL,
    settled_at double precision
);


--
-- Name: webhook_message_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.webhook_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: webhook_message_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.webhook_message_id_seq OWNED BY public.webhook_message.id;


--
-- Name: api_token id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token ALTER COLUMN id SET DEFAULT nextval('public.api_token_id_seq'::regclass);


--
-- Name: audit id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);


--
-- Name: consent id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consent ALTER COLUMN id SET DEFAULT nextval('public.consent_id_seq'::regclass);


--
-- Name: correction id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.correction ALTER COLUMN id SET DEFAULT nextval('public.correction_id_seq'::regclass);


--
-- Name: delivery id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery ALTER COLUMN id SET DEFAULT nextval('public.delivery_id_seq'::regclass);


--
-- Name: desk_session id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_session ALTER COLUMN id SET DEFAULT nextval('public.desk_session_id_seq'::regclass);


--
-- Name: desk_user id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_user ALTER COLUMN id SET DEFAULT nextval('public.desk_user_id_seq'::regclass);


--
-- Name: draft id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.draft ALTER COLUMN id SET DEFAULT nextval('public.draft_id_seq'::regclass);


--
-- Name: letter id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letter ALTER COLUMN id SET DEFAULT nextval('public.letter_id_seq'::regclass);


--
-- Name: list id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list ALTER COLUMN id SET DEFAULT nextval('public.list_id_seq'::regclass);


--
-- Name: list_sync id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list_sync ALTER COLUMN id SET DEFAULT nextval('public.list_sync_id_seq'::regclass);


--
-- Name: member id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member ALTER COLUMN id SET DEFAULT nextval('public.member_id_seq'::regclass);


--
-- Name: member_change id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member_change ALTER COLUMN id SET DEFAULT nextval('public.member_change_id_seq'::regclass);


--
-- Name: send id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send ALTER COLUMN id SET DEFAULT nextval('public.send_id_seq'::regclass);


--
-- Name: suppression_change id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppression_change ALTER COLUMN id SET DEFAULT nextval('public.suppression_change_id_seq'::regclass);


--
-- Name: webhook id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook ALTER COLUMN id SET DEFAULT nextval('public.webhook_id_seq'::regclass);


--
-- Name: webhook_attempt id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_attempt ALTER COLUMN id SET DEFAULT nextval('public.webhook_attempt_id_seq'::regclass);


--
-- Name: webhook_message id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_message ALTER COLUMN id SET DEFAULT nextval('public.webhook_message_id_seq'::regclass);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES
	('0013');


--
-- Data for Name: api_answer; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.api_answer VALUES
	(1, 'order-1', 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 1760000000, 201, '{"id": 1}', '/api/v1/sends/1');


--
-- Data for Name: api_token; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.api_token VALUES
	(1, 'shop', 'shop', '5cbfe235807dbd65aefbb2a8134616a5d1d21d68dd8a565d7b7bfe10b73ea2b9', '["lists:read", "sends:read"]', 1760000000, NULL, NULL);


--
-- Data for Name: approval; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.approval VALUES
	('3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e', 'Tomás Ferro', 'quay', '761924fcfe6d234773392b2323629e5d', 1760000000);


--
-- Data for Name: attempt; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.attempt VALUES
	(1, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(2, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '', 'ok', 'accepted', false),
	(3, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '', 'ok', 'accepted', false),
	(5, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'rcpt', 550, '5.1.1', 'no such user', 'failed', false),
	(4, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '', 'ok', 'accepted', false),
	(6, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '', 'ok', 'accepted', false),
	(7, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', NULL, '', '', 'uncertain', false),
	(10, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(9, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(11, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(19, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(12, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(20, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(13, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(14, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(15, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(8, 1, 1760003600, 1760003600, '127.0.0.1:36755', 'dot', 250, '2.0.0', '', 'accepted', false),
	(21, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', 250, '', 'ok', 'accepted', false),
	(22, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', 250, '', 'ok', 'accepted', false),
	(25, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'rcpt', 451, '4.7.1', 'come again later', 'deferred', false),
	(28, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', 250, '', 'ok', 'accepted', false),
	(29, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', NULL, '', '', 'uncertain', false),
	(30, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', 250, '2.0.0', 'kept', 'accepted', false),
	(31, 1, 1760097200, 1760097200, '127.0.0.1:45115', 'dot', 250, '2.0.0', 'kept', 'accepted', false);


--
-- Data for Name: audit; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit VALUES
	(1, 1760000000, 'Mara Lindqvist', 'user.add', 'Tomás Ferro', 'editor', '192.0.2.0');


--
-- Data for Name: consent; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.consent VALUES
	(1, 'nia@example.net', 1, 1760090000, 'page', 'By signing up you ask for The Harbour Letter by e-mail. You can leave at any time, by the link in each letter.', '198.51.100.0', 1760090000),
	(2, 'ole@example.net', 1, 1760090000, 'page', 'By signing up you ask for The Harbour Letter by e-mail. You can leave at any time, by the link in each letter.', '198.51.100.0', NULL),
	(3, 'hugo@example.net', 1, 1760090000, 'person', 'I want the Harbour Letter.', '', 1760090000);


--
-- Data for Name: correction; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.correction VALUES
	(1, 'quay', 'e5028234b46840582aab955f4f7079d186f7153c4053149c7e6af1d97c088843', 'The harbour master asked on Monday.', 1760090000);


--
-- Data for Name: delivery; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.delivery VALUES
	(1, 1, 'mara@example.org', 'mara@example.org', '{}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(16, 2, 'gone@example.com', 'gone@example.com', '{"city": "Lisbon", "first_name": "Gus"}', 'skipped', 'unsubscribed', 0, 0, false, NULL, 0, 1760003600),
	(17, 2, 'dead@example.com', 'dead@example.com', '{"city": "Faro", "first_name": "Dea"}', 'skipped', 'bounced', 0, 0, false, NULL, 0, 1760003600),
	(18, 2, 'rest@example.com', 'rest@example.com', '{"city": "Faro", "first_name": "Ria"}', 'skipped', 'paused', 0, 0, false, NULL, 0, 1760003600),
	(2, 2, 'reader1@example.com', 'reader1@example.com', '{"city": "Porto Novo", "first_name": "R1"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(3, 2, 'reader2@example.com', 'reader2@example.com', '{"city": "Lisbon", "first_name": "R2"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(5, 2, 'reader4@example.com', 'reader4@example.com', '{"city": "Lisbon", "first_name": "R4"}', 'failed', 'refused', 1, 0, false, 1760003600, 0, 1760003600),
	(4, 2, 'reader3@example.com', 'reader3@example.com', '{"city": "Porto Novo", "first_name": "R3"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(6, 2, 'reader5@example.com', 'reader5@example.com', '{"city": "Porto Novo", "first_name": "R5"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(10, 2, 'reader9@example.com', 'reader9@example.com', '{"city": "Porto Novo", "first_name": "R9"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(9, 2, 'reader8@example.com', 'reader8@example.com', '{"city": "Lisbon", "first_name": "R8"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(11, 2, 'reader10@example.com', 'reader10@example.com', '{"city": "Lisbon", "first_name": "R10"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(19, 2, 'fay@example.net', 'fay@example.net', '{}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(12, 2, 'reader11@example.com', 'reader11@example.com', '{"city": "Porto Novo", "first_name": "R11"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(20, 2, 'hugo@example.net', 'hugo@example.net', '{}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(13, 2, 'reader12@example.com', 'reader12@example.com', '{"city": "Lisbon", "first_name": "R12"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(14, 2, 'reader13@example.com', 'reader13@example.com', '{"city": "Porto Novo", "first_name": "R13"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(15, 2, 'reader14@example.com', 'reader14@example.com', '{"city": "Lisbon", "first_name": "R14"}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(7, 2, 'reader6@example.com', 'reader6@example.com', '{"city": "Lisbon", "first_name": "R6"}', 'accepted', 'assumed', 1, 0, true, 1760003600, 0, 1760003600),
	(8, 2, 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', '{}', 'accepted', '', 1, 0, false, 1760003600, 0, 1760003600),
	(23, 4, 'reader3@example.com', 'reader3@example.com', '{"city": "Porto Novo", "first_name": "R3"}', 'skipped', 'paused', 0, 0, false, NULL, 0, 1760097200),
	(24, 4, 'reader4@example.com', 'reader4@example.com', '{"city": "Lisbon", "first_name": "R4"}', 'skipped', 'bounced', 0, 0, false, NULL, 0, 1760097200),
	(26, 4, 'reader6@example.com', 'reader6@example.com', '{"city": "Lisbon", "first_name": "R6"}', 'skipped', 'unsubscribed', 0, 0, false, NULL, 0, 1760097200),
	(27, 4, 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', '{}', 'skipped', 'erased', 0, 0, false, NULL, 0, 1760097200),
	(35, 4, 'gone@example.com', 'gone@example.com', '{"city": "Lisbon", "first_name": "Gus"}', 'skipped', 'unsubscribed', 0, 0, false, NULL, 0, 1760097200),
	(36, 4, 'dead@example.com', 'dead@example.com', '{"city": "Faro", "first_name": "Dea"}', 'skipped', 'bounced', 0, 0, false, NULL, 0, 1760097200),
	(37, 4, 'rest@example.com', 'rest@example.com', '{"city": "Faro", "first_name": "Ria"}', 'skipped', 'paused', 0, 0, false, NULL, 0, 1760097200),
	(21, 4, 'reader1@example.com', 'reader1@example.com', '{"city": "Porto Novo", "first_name": "R1"}', 'accepted', '', 1, 0, false, 1760097200, 0, 1760097200),
	(22, 4, 'reader2@example.com', 'reader2@example.com', '{"city": "Braga", "first_name": "R2"}', 'accepted', '', 1, 0, false, 1760097200, 0, 1760097200),
	(25, 4, 'reader5@example.com', 'reader5@example.com', '{"city": "Porto Novo", "first_name": "R5"}', 'deferred', 'deferred at rcpt', 1, 0, false, 1760097200, 1760097200.9754748, 1760097200),
	(28, 4, 'reader8@example.com', 'reader8@example.com', '{"city": "Lisbon", "first_name": "R8"}', 'accepted', '', 1, 0, false, 1760097200, 0, 1760097200),
	(29, 4, 'reader9@example.com', 'reader9@example.com', '{"city": "Porto Novo", "first_name": "R9"}', 'uncertain', 'connection lost after the dot', 1, 0, false, 1760097200, 0, 1760097200),
	(33, 4, 'reader13@example.com', 'reader13@example.com', '{"city": "Porto Novo", "first_name": "R13"}', 'claimed', '', 1, 0, false, 1760097200, 0, 1760097200),
	(34, 4, 'reader14@example.com', 'reader14@example.com', '{"city": "Lisbon", "first_name": "R14"}', 'claimed', '', 1, 0, false, 1760097200, 0, 1760097200),
	(30, 4, 'reader10@example.com', 'reader10@example.com', '{"city": "Lisbon", "first_name": "R10"}', 'accepted', '', 1, 0, false, 1760097200, 0, 1760097200),
	(31, 4, 'reader11@example.com', 'reader11@example.com', '{"city": "Porto Novo", "first_name": "R11"}', 'accepted', '', 1, 0, false, 1760097200, 0, 1760097200),
	(32, 4, 'reader12@example.com', 'reader12@example.com', '{"city": "Lisbon", "first_name": "R12"}', 'committing', '', 1, 0, false, 1760097200, 0, 1760097200),
	(38, 4, 'nia@example.net', 'nia@example.net', '{"city": "Faro", "first_name": "Nia"}', 'claimed', '', 1, 0, false, 1760097200, 0, 1760097200),
	(39, 4, 'hugo@example.net', 'hugo@example.net', '{}', 'claimed', '', 1, 0, false, 1760097200, 0, 1760097200),
	(40, 4, 'four@example.net', 'four@example.net', '{"city": "Lisbon", "first_name": "R4"}', 'pending', '', 0, 0, false, NULL, 0, 1760097200);


--
-- Data for Name: desk_session; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.desk_session VALUES
	(1, '7e87b40eaf5df96b70cff8adf33fe02441b07c17aa2f1652ac2bfa36f1dc8a79', 1, 'Firefox on Linux', '192.0.2.0', 1760000000, 1760000000);


--
-- Data for Name: desk_user; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.desk_user VALUES
	(1, 'mara lindqvist', 'Mara Lindqvist', 'mara@example.org', 'admin', '$argon2id$v=19$m=65536,t=3,p=4$I8TRzCNXfF/gcy286ervdQ$Pm/0P/tREBgGoo93PWXWmm8yrmnk7mha8mVnydRRIIY', NULL, NULL, 1760000000, NULL, NULL, NULL, NULL),
	(2, 'tomás ferro', 'Tomás Ferro', '', 'editor', '', 'a5d75737d54ffb5c8da7e773bc228f69e48702504f623698b43764bacce8c4a4', 1760259200, 1760000000, NULL, 'tomas@example.org', NULL, NULL);


--
-- Data for Name: draft; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.draft VALUES
	(1, 'tide', 1760093600, 'in the file', 'eead6279258681d506f2de2265508557', 74, '---
title: The tide table
date: 2025-10-06
copyright: "© 2025 Mara Lindqvist"
subject: The tide table, for {{ reader.first_name or "you" }}
---

Dear {{ reader.first_name or "reader" }},

{% if reader.city == "Porto Novo" %}
High water is at noon in your town.
{% endif %}

The rest is [on our page](https://tides.example.org/?for={{ reader.city }}).

## Two high waters on Tuesday
source: Harbour Times
date: 2025-10-05
link: https://times.example.org/tides

The harbour master asks for patience.
'),
	(2, 'tide', 1760093600, 'Mara Lindqvist', 'ecc8fc663ba47190f0f1efbf9f56a08e', 75, '---
title: The tide table
date: 2025-10-06
copyright: "© 2025 Mara Lindqvist"
subject: The tide table, for {{ reader.first_name or "you" }}
---

Dear {{ reader.first_name or "reader" }},

{% if reader.city == "Porto Novo" %}
High water is at noon in your town.
{% endif %}

All of it is [on our page](https://tides.example.org/?for={{ reader.city }}).

## Two high waters on Tuesday
source: Harbour Times
date: 2025-10-05
link: https://times.example.org/tides

The harbour master asks for patience.
');


--
-- Data for Name: edition; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edition VALUES
	('3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e', 'quay', 'The east quay', 'The east quay, for you', 'en', '{"format":1,"slug":"quay","title":"The east quay","date":"2025-10-06","language":"en","direction":"ltr","from_name":"The Harbour Letter","from_address":"letter@example.org","subject":["The east quay, for ",{"is":"slot","what":"reader.first_name or \"you\"","place":"header"}],"html":["<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n<meta name=\"x-apple-disable-message-reformatting\">\n<title>The east quay</title>\n<style>\n.link, .quiet { text-decoration-thickness: 1px; text-underline-offset: 2px; }\n.headline, .title { text-wrap: balance; }\n.button-link:hover { text-decoration: underline !important; }\n.im { color: inherit !important; }\na[x-apple-data-detectors] { color: inherit !important; text-decoration: none !important; }\n@media (max-width: 480px) {\n  .gutter { padding: 0 18px !important; }\n  .headline { font-size: 27px !important; margin: 24px 0 18px !important; }\n  .title { font-size: 22px !important; }\n  .contents { padding: 16px 18px 14px !important; }\n  .mast { display: block !important; width: auto !important; text-align: left !important; }\n  .name { padding-bottom: 0 !important; border-bottom: 0 !important; }\n  .issue { padding-top: 4px !important; }\n  .data { font-size: 14px !important; }\n  .data-wide { font-size: 12px !important; }\n}\n</style>\n<style>\n:root { color-scheme: light dark; supported-color-schemes: light dark; }\n@media (prefers-color-scheme: dark) {\n.canvas { background-color: #17191b !important; }\n.paper { background-color: #17191b !important; }\n.wash, .band { background-color: #1e2124 !important; }\n.fill { background-color: #8cc4dc !important; }\n.ink, .plain, .on-band { color: #e4e1da !important; }\n.muted, .quiet { color: #a09c92 !important; }\n.accent, .link { color: #8cc4dc !important; }\n.on-fill { color: #17191b !important; }\n.line { border-color: #35393c !important; }\n.preheader { color: #17191b !important; }\n}\n[data-ogsb] .canvas { background-color: #17191b !important; }\n[data-ogsb] .paper { background-color: #17191b !important; }\n[data-ogsb] .wash, [data-ogsb] .band { background-color: #1e2124 !important; }\n[data-ogsb] .fill { background-color: #8cc4dc !important; }\n[data-ogsc] .ink, [data-ogsc] .plain, [data-ogsc] .on-band { color: #e4e1da !important; }\n[data-ogsc] .muted, [data-ogsc] .quiet { color: #a09c92 !important; }\n[data-ogsc] .accent, [data-ogsc] .link { color: #8cc4dc !important; }\n[data-ogsc] .on-fill { color: #17191b !important; }\n[data-ogsc] .line { border-color: #35393c !important; }\n[data-ogsc] .preheader { color: #17191b !important; }\n\n</style>\n<style>\n@media print {\n  .body, .canvas, .paper, .wash, .contents, .piece, .pre { background: none !important; }\n  .fill, .band { background: none !important; }\n  .scroll { overflow: visible !important; }\n  .ink, .plain, .muted, .quiet, .accent, .link, .on-fill, .on-band { color: #111111 !important; }\n  .gutter { padding: 0 !important; }\n  .sheet { max-width: none !important; }\n  .piece, .contents, .foot, .mast { padding-left: 0 !important; padding-right: 0 !important; }\n  .screen { display: none !important; }\n  .headline, .title, .sub, .kicker, .label { break-after: avoid; }\n  .photo, .data, .pre, li { break-inside: avoid; }\n  .photo { max-height: 10cm; width: auto !important; }\n  p { orphans: 3; widows: 3; }\n  a.link[href^=\"http\"]::after, a.button-link[href^=\"http\"]::after { content: \" (\" attr(href) \")\"; font-size: 12px; word-break: break-all; }\n}\n</style>\n<!--[if mso]><xml xmlns:o=\"urn:schemas-microsoft-com:office:office\"><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><style>table {mso-table-lspace: 0; mso-table-rspace: 0} .script-rtl {font-family: Times New Roman !important} .over, .label, .kicker, .more, .issue, .contents-label, .entry-source, .data, .button-link {font-family: Segoe UI !important}</style><![endif]-->\n</head>\n<body class=\"body canvas\" bgcolor=\"#fbfaf7\" style=\"margin:0; padding:0; background-color:#fbfaf7; -webkit-text-size-adjust:100%; -ms-text-size-adjust:100%\">\n<div class=\"canvas\" lang=\"en\" dir=\"ltr\" role=\"article\" aria-roledescription=\"email\" aria-label=\"The east quay\" style=\"background-color:#fbfaf7\">\n<div class=\"preheader\" aria-hidden=\"true\" style=\"display:none; font-size:1px; line-height:1px; max-height:0; max-width:0; opacity:0; overflow:hidden; mso-hide:all; color:#fbfaf7\">Two high waters on Tuesday͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ </div>\n<table class=\"frame fixed canvas\" role=\"presentation\" width=\"100%\" bgcolor=\"#fbfaf7\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background-color:#fbfaf7; border-collapse:collapse; table-layout:fixed\"><tr><td class=\"gutter\" align=\"center\" style=\"padding:0 24px\">\n<!--[if mso]><table role=\"presentation\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n<div class=\"sheet\" style=\"max-width:600px; margin:0 auto; text-align:left; overflow-wrap:break-word; word-wrap:break-word; word-break:break-word\">\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr>\n<td class=\"mast name ink line\" valign=\"bottom\" style=\"color:#22262a; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:22px; line-height:1.2; font-weight:600; letter-spacing:0.01em; text-align:left\">The Harbour Letter</td>\n<td class=\"mast issue muted line\" valign=\"bottom\" align=\"right\" style=\"color:#6b685f; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; text-align:right\"><span class=\"muted\" style=\"color:#6b685f\">6 October 2025</span><span class=\"screen\"> · <a class=\"quiet\" href=\"https://letter.example.org/archive/quay\" style=\"color:#6b685f; text-decoration:underline\">Read in your browser</a></span></td>\n</tr></table>\n\n<h1 class=\"headline ink\" style=\"color:#22262a; margin:30px 0 20px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:34px; line-height:1.18; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">The east quay</h1>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"contents line wash\" bgcolor=\"#f2efe8\" style=\"background-color:#f2efe8; padding:18px 22px 16px\">\n<h2 class=\"contents-label muted\" style=\"color:#6b685f; margin:0 0 8px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">In this dispatch</h2>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\">\n<tr><td class=\"entry-number muted\" width=\"26\" valign=\"top\" style=\"color:#6b685f; width:26px; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; font-variant-numeric:tabular-nums; vertical-align:top; text-align:left; white-space:nowrap\">",{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},".</td><td class=\"entry ink\" valign=\"top\" style=\"color:#22262a; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; vertical-align:top; text-align:left\"><a class=\"plain\" href=\"#two-high-waters-on-tuesday\" dir=\"ltr\" style=\"color:#22262a; text-decoration:none\">Two high waters on Tuesday</a><br><span class=\"entry-source muted\" style=\"color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">(<span dir=\"ltr\">Harbour Times</span>, <span dir=\"ltr\">5 October 2025</span>)</span></td></tr>\n</table>\n</td></tr><tr><td class=\"contents-gap\" style=\"height:30px; line-height:30px; font-size:1px\"> </td></tr></table>\n\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<h2 class=\"label muted\" style=\"color:#6b685f; margin:0 0 12px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">Note</h2>\n<p style=\"margin:0 0 17px\">Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"html"},",</p>\n",{"is":"when","choice":0,"branch":0,"nodes":["<p style=\"margin:0 0 17px\">High water is at noon in your town.</p>\n"]},"<p style=\"margin:0 0 17px\">The rest is <a class=\"link\" href=\"https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"url"},"\" style=\"color:#17506b; text-decoration:underline\">on our page</a>.</p>\n\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<a name=\"two-high-waters-on-tuesday\" id=\"two-high-waters-on-tuesday\"></a>\n<p class=\"kicker muted\" style=\"margin:0 0 6px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4\"><span class=\"kicker-source accent\" dir=\"ltr\" style=\"color:#17506b; font-weight:600\">Harbour Times</span> · <span dir=\"ltr\">5 October 2025</span></p>\n<h2 class=\"title ink\" style=\"color:#22262a; margin:0 0 14px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:25px; line-height:1.25; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">Two high waters on Tuesday</h2>\n<p class=\"figure-alone\" style=\"margin:0 0 26px\"><img class=\"photo ink\" src=\"",{"is":"source","name":"18aacc9f9ae139d4355cf56bc16c0de0.png"},"\" alt=\"The quay at night\" width=\"600\" height=\"300\" style=\"color:#22262a; display:block; width:100%; height:auto; border:0; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; max-width:600px\"></p>\n\n<p style=\"margin:0 0 17px\">The harbour master asks for patience.</p>\n\n<p class=\"more\" style=\"margin:0 0 17px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:14px; line-height:1.4; font-weight:600\"><a class=\"link\" href=\"https://times.example.org/tides\" lang=\"en\" dir=\"ltr\" style=\"color:#17506b; text-decoration:underline\">Read it at <span dir=\"ltr\">Harbour Times</span></a></p>\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"foot muted line\" style=\"color:#6b685f; padding:0 0 40px\">\n\n\n<p class=\"over muted screen\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">",{"is":"when","choice":1,"branch":0,"nodes":["You get this letter at ",{"is":"slot","what":"@address","place":"html"}," because you signed up for it."]},{"is":"when","choice":1,"branch":1,"nodes":["This letter goes by e-mail to everybody who signed up for it."]}," <a class=\"quiet\" href=\"https://letter.example.org/u/",{"is":"slot","what":"@token","place":"url"},"\" style=\"color:#6b685f; text-decoration:underline\">Unsubscribe</a></p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">1 Quay Street, Porto Novo</p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">© 2025 Mara Lindqvist</p>\n\n</td></tr></table>\n</div>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</div>\n</body>\n</html>"],"text":[{"is":"part","gap":0,"blocks":[{"is":"flow","words":["The east quay"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["============="],"lead":[],"indent":"","gap":0,"literal":true}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["The Harbour Letter"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":0,"blocks":[{"is":"flow","words":["6 October 2025"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["In this dispatch"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Two high waters on Tuesday (Harbour Times, 5 October 2025)"],"lead":[{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},". "],"indent":"","gap":0,"literal":false}]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"","blocks":[{"is":"flow","words":["Note"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["----"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"text"},","],"lead":[],"indent":"","gap":1,"literal":false},{"is":"option","choice":0,"branch":0,"blocks":[{"is":"flow","words":["High water is at noon in your town."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"flow","words":["The rest is ","on our page",{"is":"link","target":["https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"text-url"}]},"."],"lead":[],"indent":"","gap":1,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"two-high-waters-on-tuesday","blocks":[{"is":"flow","words":["Two high waters on Tuesday"],"lead":[],"indent":"","gap":2,"literal":true},{"is":"flow","words":["--------------------------"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Harbour Times, 5 October 2025"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["[Picture: The quay at night]"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["The harbour master asks for patience."],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["Read it at Harbour Times:"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["https://times.example.org/tides"],"lead":[],"indent":"","gap":0,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["Read it in your browser:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/archive/quay"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"option","choice":1,"branch":0,"blocks":[{"is":"flow","words":["You get this letter at ",{"is":"slot","what":"@address","place":"text"}," because you signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"option","choice":1,"branch":1,"blocks":[{"is":"flow","words":["This letter goes by e-mail to everybody who signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Unsubscribe here:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/u/",{"is":"slot","what":"@token","place":"text-url"}],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["1 Quay Street, Porto Novo"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["© 2025 Mara Lindqvist"],"lead":[],"indent":"","gap":0,"literal":false}]}],"chains":[{"is":"chain","conditions":["reader.city == \"Porto Novo\""],"outer":null},{"is":"chain","conditions":["@address",null],"outer":null}],"outline":{"is":"outline","summaries":0,"items":[{"is":"section","name":"","items":[{"is":"branching","choice":0,"branch":0,"items":[]}]},{"is":"section","name":"two-high-waters-on-tuesday","items":[]}],"footnotes":[]},"embed":false,"media_url":"https://letter.example.org/media/","images":[{"name":"18aacc9f9ae139d4355cf56bc16c0de0.png","content_type":"image/png","width":600,"height":300}]}', 1760003600),
	('e5028234b46840582aab955f4f7079d186f7153c4053149c7e6af1d97c088843', 'quay', 'The east quay', 'The east quay, for you', 'en', '{"format":1,"slug":"quay","title":"The east quay","date":"2025-10-06","language":"en","direction":"ltr","from_name":"The Harbour Letter","from_address":"letter@example.org","subject":["The east quay, for ",{"is":"slot","what":"reader.first_name or \"you\"","place":"header"}],"html":["<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n<meta name=\"x-apple-disable-message-reformatting\">\n<title>The east quay</title>\n<style>\n.link, .quiet { text-decoration-thickness: 1px; text-underline-offset: 2px; }\n.headline, .title { text-wrap: balance; }\n.button-link:hover { text-decoration: underline !important; }\n.im { color: inherit !important; }\na[x-apple-data-detectors] { color: inherit !important; text-decoration: none !important; }\n@media (max-width: 480px) {\n  .gutter { padding: 0 18px !important; }\n  .headline { font-size: 27px !important; margin: 24px 0 18px !important; }\n  .title { font-size: 22px !important; }\n  .contents { padding: 16px 18px 14px !important; }\n  .mast { display: block !important; width: auto !important; text-align: left !important; }\n  .name { padding-bottom: 0 !important; border-bottom: 0 !important; }\n  .issue { padding-top: 4px !important; }\n  .data { font-size: 14px !important; }\n  .data-wide { font-size: 12px !important; }\n}\n</style>\n<style>\n:root { color-scheme: light dark; supported-color-schemes: light dark; }\n@media (prefers-color-scheme: dark) {\n.canvas { background-color: #17191b !important; }\n.paper { background-color: #17191b !important; }\n.wash, .band { background-color: #1e2124 !important; }\n.fill { background-color: #8cc4dc !important; }\n.ink, .plain, .on-band { color: #e4e1da !important; }\n.muted, .quiet { color: #a09c92 !important; }\n.accent, .link { color: #8cc4dc !important; }\n.on-fill { color: #17191b !important; }\n.line { border-color: #35393c !important; }\n.preheader { color: #17191b !important; }\n}\n[data-ogsb] .canvas { background-color: #17191b !important; }\n[data-ogsb] .paper { background-color: #17191b !important; }\n[data-ogsb] .wash, [data-ogsb] .band { background-color: #1e2124 !important; }\n[data-ogsb] .fill { background-color: #8cc4dc !important; }\n[data-ogsc] .ink, [data-ogsc] .plain, [data-ogsc] .on-band { color: #e4e1da !important; }\n[data-ogsc] .muted, [data-ogsc] .quiet { color: #a09c92 !important; }\n[data-ogsc] .accent, [data-ogsc] .link { color: #8cc4dc !important; }\n[data-ogsc] .on-fill { color: #17191b !important; }\n[data-ogsc] .line { border-color: #35393c !important; }\n[data-ogsc] .preheader { color: #17191b !important; }\n\n</style>\n<style>\n@media print {\n  .body, .canvas, .paper, .wash, .contents, .piece, .pre { background: none !important; }\n  .fill, .band { background: none !important; }\n  .scroll { overflow: visible !important; }\n  .ink, .plain, .muted, .quiet, .accent, .link, .on-fill, .on-band { color: #111111 !important; }\n  .gutter { padding: 0 !important; }\n  .sheet { max-width: none !important; }\n  .piece, .contents, .foot, .mast { padding-left: 0 !important; padding-right: 0 !important; }\n  .screen { display: none !important; }\n  .headline, .title, .sub, .kicker, .label { break-after: avoid; }\n  .photo, .data, .pre, li { break-inside: avoid; }\n  .photo { max-height: 10cm; width: auto !important; }\n  p { orphans: 3; widows: 3; }\n  a.link[href^=\"http\"]::after, a.button-link[href^=\"http\"]::after { content: \" (\" attr(href) \")\"; font-size: 12px; word-break: break-all; }\n}\n</style>\n<!--[if mso]><xml xmlns:o=\"urn:schemas-microsoft-com:office:office\"><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><style>table {mso-table-lspace: 0; mso-table-rspace: 0} .script-rtl {font-family: Times New Roman !important} .over, .label, .kicker, .more, .issue, .contents-label, .entry-source, .data, .button-link {font-family: Segoe UI !important}</style><![endif]-->\n</head>\n<body class=\"body canvas\" bgcolor=\"#fbfaf7\" style=\"margin:0; padding:0; background-color:#fbfaf7; -webkit-text-size-adjust:100%; -ms-text-size-adjust:100%\">\n<div class=\"canvas\" lang=\"en\" dir=\"ltr\" role=\"article\" aria-roledescription=\"email\" aria-label=\"The east quay\" style=\"background-color:#fbfaf7\">\n<div class=\"preheader\" aria-hidden=\"true\" style=\"display:none; font-size:1px; line-height:1px; max-height:0; max-width:0; opacity:0; overflow:hidden; mso-hide:all; color:#fbfaf7\">Two high waters on Tuesday͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ </div>\n<table class=\"frame fixed canvas\" role=\"presentation\" width=\"100%\" bgcolor=\"#fbfaf7\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background-color:#fbfaf7; border-collapse:collapse; table-layout:fixed\"><tr><td class=\"gutter\" align=\"center\" style=\"padding:0 24px\">\n<!--[if mso]><table role=\"presentation\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n<div class=\"sheet\" style=\"max-width:600px; margin:0 auto; text-align:left; overflow-wrap:break-word; word-wrap:break-word; word-break:break-word\">\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr>\n<td class=\"mast name ink line\" valign=\"bottom\" style=\"color:#22262a; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:22px; line-height:1.2; font-weight:600; letter-spacing:0.01em; text-align:left\">The Harbour Letter</td>\n<td class=\"mast issue muted line\" valign=\"bottom\" align=\"right\" style=\"color:#6b685f; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; text-align:right\"><span class=\"muted\" style=\"color:#6b685f\">6 October 2025</span><span class=\"screen\"> · <a class=\"quiet\" href=\"https://letter.example.org/archive/quay\" style=\"color:#6b685f; text-decoration:underline\">Read in your browser</a></span></td>\n</tr></table>\n\n<h1 class=\"headline ink\" style=\"color:#22262a; margin:30px 0 20px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:34px; line-height:1.18; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">The east quay</h1>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"contents line wash\" bgcolor=\"#f2efe8\" style=\"background-color:#f2efe8; padding:18px 22px 16px\">\n<h2 class=\"contents-label muted\" style=\"color:#6b685f; margin:0 0 8px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">In this dispatch</h2>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\">\n<tr><td class=\"entry-number muted\" width=\"26\" valign=\"top\" style=\"color:#6b685f; width:26px; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; font-variant-numeric:tabular-nums; vertical-align:top; text-align:left; white-space:nowrap\">",{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},".</td><td class=\"entry ink\" valign=\"top\" style=\"color:#22262a; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; vertical-align:top; text-align:left\"><a class=\"plain\" href=\"#two-high-waters-on-tuesday\" dir=\"ltr\" style=\"color:#22262a; text-decoration:none\">Two high waters on Tuesday</a><br><span class=\"entry-source muted\" style=\"color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">(<span dir=\"ltr\">Harbour Times</span>, <span dir=\"ltr\">5 October 2025</span>)</span></td></tr>\n</table>\n</td></tr><tr><td class=\"contents-gap\" style=\"height:30px; line-height:30px; font-size:1px\"> </td></tr></table>\n\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<h2 class=\"label muted\" style=\"color:#6b685f; margin:0 0 12px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">Note</h2>\n<p style=\"margin:0 0 17px\">Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"html"},",</p>\n",{"is":"when","choice":0,"branch":0,"nodes":["<p style=\"margin:0 0 17px\">High water is at noon in your town.</p>\n"]},"<p style=\"margin:0 0 17px\">The rest is <a class=\"link\" href=\"https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"url"},"\" style=\"color:#17506b; text-decoration:underline\">on our page</a>.</p>\n\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<a name=\"two-high-waters-on-tuesday\" id=\"two-high-waters-on-tuesday\"></a>\n<p class=\"kicker muted\" style=\"margin:0 0 6px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4\"><span class=\"kicker-source accent\" dir=\"ltr\" style=\"color:#17506b; font-weight:600\">Harbour Times</span> · <span dir=\"ltr\">5 October 2025</span></p>\n<h2 class=\"title ink\" style=\"color:#22262a; margin:0 0 14px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:25px; line-height:1.25; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">Two high waters on Tuesday</h2>\n<p class=\"figure-alone\" style=\"margin:0 0 26px\"><img class=\"photo ink\" src=\"",{"is":"source","name":"18aacc9f9ae139d4355cf56bc16c0de0.png"},"\" alt=\"The quay at night\" width=\"600\" height=\"300\" style=\"color:#22262a; display:block; width:100%; height:auto; border:0; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; max-width:600px\"></p>\n\n<p style=\"margin:0 0 17px\">The harbour master asked for patience.</p>\n\n<p class=\"more\" style=\"margin:0 0 17px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:14px; line-height:1.4; font-weight:600\"><a class=\"link\" href=\"https://times.example.org/tides\" lang=\"en\" dir=\"ltr\" style=\"color:#17506b; text-decoration:underline\">Read it at <span dir=\"ltr\">Harbour Times</span></a></p>\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"foot muted line\" style=\"color:#6b685f; padding:0 0 40px\">\n\n\n<p class=\"over muted screen\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">",{"is":"when","choice":1,"branch":0,"nodes":["You get this letter at ",{"is":"slot","what":"@address","place":"html"}," because you signed up for it."]},{"is":"when","choice":1,"branch":1,"nodes":["This letter goes by e-mail to everybody who signed up for it."]}," <a class=\"quiet\" href=\"https://letter.example.org/u/",{"is":"slot","what":"@token","place":"url"},"\" style=\"color:#6b685f; text-decoration:underline\">Unsubscribe</a></p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">1 Quay Street, Porto Novo</p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">© 2025 Mara Lindqvist</p>\n\n</td></tr></table>\n</div>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</div>\n</body>\n</html>"],"text":[{"is":"part","gap":0,"blocks":[{"is":"flow","words":["The east quay"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["============="],"lead":[],"indent":"","gap":0,"literal":true}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["The Harbour Letter"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":0,"blocks":[{"is":"flow","words":["6 October 2025"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["In this dispatch"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Two high waters on Tuesday (Harbour Times, 5 October 2025)"],"lead":[{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},". "],"indent":"","gap":0,"literal":false}]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"","blocks":[{"is":"flow","words":["Note"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["----"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"text"},","],"lead":[],"indent":"","gap":1,"literal":false},{"is":"option","choice":0,"branch":0,"blocks":[{"is":"flow","words":["High water is at noon in your town."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"flow","words":["The rest is ","on our page",{"is":"link","target":["https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"text-url"}]},"."],"lead":[],"indent":"","gap":1,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"two-high-waters-on-tuesday","blocks":[{"is":"flow","words":["Two high waters on Tuesday"],"lead":[],"indent":"","gap":2,"literal":true},{"is":"flow","words":["--------------------------"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Harbour Times, 5 October 2025"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["[Picture: The quay at night]"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["The harbour master asked for patience."],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["Read it at Harbour Times:"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["https://times.example.org/tides"],"lead":[],"indent":"","gap":0,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["Read it in your browser:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/archive/quay"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"option","choice":1,"branch":0,"blocks":[{"is":"flow","words":["You get this letter at ",{"is":"slot","what":"@address","place":"text"}," because you signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"option","choice":1,"branch":1,"blocks":[{"is":"flow","words":["This letter goes by e-mail to everybody who signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Unsubscribe here:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/u/",{"is":"slot","what":"@token","place":"text-url"}],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["1 Quay Street, Porto Novo"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["© 2025 Mara Lindqvist"],"lead":[],"indent":"","gap":0,"literal":false}]}],"chains":[{"is":"chain","conditions":["reader.city == \"Porto Novo\""],"outer":null},{"is":"chain","conditions":["@address",null],"outer":null}],"outline":{"is":"outline","summaries":0,"items":[{"is":"section","name":"","items":[{"is":"branching","choice":0,"branch":0,"items":[]}]},{"is":"section","name":"two-high-waters-on-tuesday","items":[]}],"footnotes":[]},"embed":false,"media_url":"https://letter.example.org/media/","images":[{"name":"18aacc9f9ae139d4355cf56bc16c0de0.png","content_type":"image/png","width":600,"height":300}]}', 1760090000),
	('453d114cc6bdd3bbe3082d38c97e8473a30237e7a14ca339da7e43ad881970b4', 'winter', 'Eleven winters', 'Eleven winters, for you', 'en', '{"format":1,"slug":"winter","title":"Eleven winters","date":"2025-10-06","language":"en","direction":"ltr","from_name":"The Harbour Letter","from_address":"letter@example.org","subject":["Eleven winters, for ",{"is":"slot","what":"reader.first_name or \"you\"","place":"header"}],"html":["<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n<meta name=\"x-apple-disable-message-reformatting\">\n<title>Eleven winters</title>\n<style>\n.link, .quiet { text-decoration-thickness: 1px; text-underline-offset: 2px; }\n.headline, .title { text-wrap: balance; }\n.button-link:hover { text-decoration: underline !important; }\n.im { color: inherit !important; }\na[x-apple-data-detectors] { color: inherit !important; text-decoration: none !important; }\n@media (max-width: 480px) {\n  .gutter { padding: 0 18px !important; }\n  .headline { font-size: 27px !important; margin: 24px 0 18px !important; }\n  .title { font-size: 22px !important; }\n  .contents { padding: 16px 18px 14px !important; }\n  .mast { display: block !important; width: auto !important; text-align: left !important; }\n  .name { padding-bottom: 0 !important; border-bottom: 0 !important; }\n  .issue { padding-top: 4px !important; }\n  .data { font-size: 14px !important; }\n  .data-wide { font-size: 12px !important; }\n}\n</style>\n<style>\n:root { color-scheme: light dark; supported-color-schemes: light dark; }\n@media (prefers-color-scheme: dark) {\n.canvas { background-color: #17191b !important; }\n.paper { background-color: #17191b !important; }\n.wash, .band { background-color: #1e2124 !important; }\n.fill { background-color: #8cc4dc !important; }\n.ink, .plain, .on-band { color: #e4e1da !important; }\n.muted, .quiet { color: #a09c92 !important; }\n.accent, .link { color: #8cc4dc !important; }\n.on-fill { color: #17191b !important; }\n.line { border-color: #35393c !important; }\n.preheader { color: #17191b !important; }\n}\n[data-ogsb] .canvas { background-color: #17191b !important; }\n[data-ogsb] .paper { background-color: #17191b !important; }\n[data-ogsb] .wash, [data-ogsb] .band { background-color: #1e2124 !important; }\n[data-ogsb] .fill { background-color: #8cc4dc !important; }\n[data-ogsc] .ink, [data-ogsc] .plain, [data-ogsc] .on-band { color: #e4e1da !important; }\n[data-ogsc] .muted, [data-ogsc] .quiet { color: #a09c92 !important; }\n[data-ogsc] .accent, [data-ogsc] .link { color: #8cc4dc !important; }\n[data-ogsc] .on-fill { color: #17191b !important; }\n[data-ogsc] .line { border-color: #35393c !important; }\n[data-ogsc] .preheader { color: #17191b !important; }\n\n</style>\n<style>\n@media print {\n  .body, .canvas, .paper, .wash, .contents, .piece, .pre { background: none !important; }\n  .fill, .band { background: none !important; }\n  .scroll { overflow: visible !important; }\n  .ink, .plain, .muted, .quiet, .accent, .link, .on-fill, .on-band { color: #111111 !important; }\n  .gutter { padding: 0 !important; }\n  .sheet { max-width: none !important; }\n  .piece, .contents, .foot, .mast { padding-left: 0 !important; padding-right: 0 !important; }\n  .screen { display: none !important; }\n  .headline, .title, .sub, .kicker, .label { break-after: avoid; }\n  .photo, .data, .pre, li { break-inside: avoid; }\n  .photo { max-height: 10cm; width: auto !important; }\n  p { orphans: 3; widows: 3; }\n  a.link[href^=\"http\"]::after, a.button-link[href^=\"http\"]::after { content: \" (\" attr(href) \")\"; font-size: 12px; word-break: break-all; }\n}\n</style>\n<!--[if mso]><xml xmlns:o=\"urn:schemas-microsoft-com:office:office\"><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><style>table {mso-table-lspace: 0; mso-table-rspace: 0} .script-rtl {font-family: Times New Roman !important} .over, .label, .kicker, .more, .issue, .contents-label, .entry-source, .data, .button-link {font-family: Segoe UI !important}</style><![endif]-->\n</head>\n<body class=\"body canvas\" bgcolor=\"#fbfaf7\" style=\"margin:0; padding:0; background-color:#fbfaf7; -webkit-text-size-adjust:100%; -ms-text-size-adjust:100%\">\n<div class=\"canvas\" lang=\"en\" dir=\"ltr\" role=\"article\" aria-roledescription=\"email\" aria-label=\"Eleven winters\" style=\"background-color:#fbfaf7\">\n<div class=\"preheader\" aria-hidden=\"true\" style=\"display:none; font-size:1px; line-height:1px; max-height:0; max-width:0; opacity:0; overflow:hidden; mso-hide:all; color:#fbfaf7\">Two high waters on Tuesday͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ </div>\n<table class=\"frame fixed canvas\" role=\"presentation\" width=\"100%\" bgcolor=\"#fbfaf7\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background-color:#fbfaf7; border-collapse:collapse; table-layout:fixed\"><tr><td class=\"gutter\" align=\"center\" style=\"padding:0 24px\">\n<!--[if mso]><table role=\"presentation\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n<div class=\"sheet\" style=\"max-width:600px; margin:0 auto; text-align:left; overflow-wrap:break-word; word-wrap:break-word; word-break:break-word\">\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr>\n<td class=\"mast name ink line\" valign=\"bottom\" style=\"color:#22262a; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:22px; line-height:1.2; font-weight:600; letter-spacing:0.01em; text-align:left\">The Harbour Letter</td>\n<td class=\"mast issue muted line\" valign=\"bottom\" align=\"right\" style=\"color:#6b685f; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; text-align:right\"><span class=\"muted\" style=\"color:#6b685f\">6 October 2025</span><span class=\"screen\"> · <a class=\"quiet\" href=\"https://letter.example.org/archive/winter\" style=\"color:#6b685f; text-decoration:underline\">Read in your browser</a></span></td>\n</tr></table>\n\n<h1 class=\"headline ink\" style=\"color:#22262a; margin:30px 0 20px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:34px; line-height:1.18; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">Eleven winters</h1>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"contents line wash\" bgcolor=\"#f2efe8\" style=\"background-color:#f2efe8; padding:18px 22px 16px\">\n<h2 class=\"contents-label muted\" style=\"color:#6b685f; margin:0 0 8px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">In this dispatch</h2>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\">\n<tr><td class=\"entry-number muted\" width=\"26\" valign=\"top\" style=\"color:#6b685f; width:26px; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; font-variant-numeric:tabular-nums; vertical-align:top; text-align:left; white-space:nowrap\">",{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},".</td><td class=\"entry ink\" valign=\"top\" style=\"color:#22262a; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; vertical-align:top; text-align:left\"><a class=\"plain\" href=\"#two-high-waters-on-tuesday\" dir=\"ltr\" style=\"color:#22262a; text-decoration:none\">Two high waters on Tuesday</a><br><span class=\"entry-source muted\" style=\"color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">(<span dir=\"ltr\">Harbour Times</span>, <span dir=\"ltr\">5 October 2025</span>)</span></td></tr>\n</table>\n</td></tr><tr><td class=\"contents-gap\" style=\"height:30px; line-height:30px; font-size:1px\"> </td></tr></table>\n\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<h2 class=\"label muted\" style=\"color:#6b685f; margin:0 0 12px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">Note</h2>\n<p style=\"margin:0 0 17px\">Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"html"},",</p>\n",{"is":"when","choice":0,"branch":0,"nodes":["<p style=\"margin:0 0 17px\">High water is at noon in your town.</p>\n"]},"<p style=\"margin:0 0 17px\">The rest is <a class=\"link\" href=\"https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"url"},"\" style=\"color:#17506b; text-decoration:underline\">on our page</a>.</p>\n\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<a name=\"two-high-waters-on-tuesday\" id=\"two-high-waters-on-tuesday\"></a>\n<p class=\"kicker muted\" style=\"margin:0 0 6px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4\"><span class=\"kicker-source accent\" dir=\"ltr\" style=\"color:#17506b; font-weight:600\">Harbour Times</span> · <span dir=\"ltr\">5 October 2025</span></p>\n<h2 class=\"title ink\" style=\"color:#22262a; margin:0 0 14px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:25px; line-height:1.25; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">Two high waters on Tuesday</h2>\n<p style=\"margin:0 0 17px\">The harbour master asks for patience.</p>\n\n<p class=\"more\" style=\"margin:0 0 17px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:14px; line-height:1.4; font-weight:600\"><a class=\"link\" href=\"https://times.example.org/tides\" lang=\"en\" dir=\"ltr\" style=\"color:#17506b; text-decoration:underline\">Read it at <span dir=\"ltr\">Harbour Times</span></a></p>\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"foot muted line\" style=\"color:#6b685f; padding:0 0 40px\">\n\n\n<p class=\"over muted screen\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">",{"is":"when","choice":1,"branch":0,"nodes":["You get this letter at ",{"is":"slot","what":"@address","place":"html"}," because you signed up for it."]},{"is":"when","choice":1,"branch":1,"nodes":["This letter goes by e-mail to everybody who signed up for it."]}," <a class=\"quiet\" href=\"https://letter.example.org/u/",{"is":"slot","what":"@token","place":"url"},"\" style=\"color:#6b685f; text-decoration:underline\">Unsubscribe</a></p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">1 Quay Street, Porto Novo</p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">© 2025 Mara Lindqvist</p>\n\n</td></tr></table>\n</div>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</div>\n</body>\n</html>"],"text":[{"is":"part","gap":0,"blocks":[{"is":"flow","words":["Eleven winters"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["=============="],"lead":[],"indent":"","gap":0,"literal":true}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["The Harbour Letter"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":0,"blocks":[{"is":"flow","words":["6 October 2025"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["In this dispatch"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Two high waters on Tuesday (Harbour Times, 5 October 2025)"],"lead":[{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},". "],"indent":"","gap":0,"literal":false}]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"","blocks":[{"is":"flow","words":["Note"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["----"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"text"},","],"lead":[],"indent":"","gap":1,"literal":false},{"is":"option","choice":0,"branch":0,"blocks":[{"is":"flow","words":["High water is at noon in your town."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"flow","words":["The rest is ","on our page",{"is":"link","target":["https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"text-url"}]},"."],"lead":[],"indent":"","gap":1,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"two-high-waters-on-tuesday","blocks":[{"is":"flow","words":["Two high waters on Tuesday"],"lead":[],"indent":"","gap":2,"literal":true},{"is":"flow","words":["--------------------------"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Harbour Times, 5 October 2025"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["The harbour master asks for patience."],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["Read it at Harbour Times:"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["https://times.example.org/tides"],"lead":[],"indent":"","gap":0,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["Read it in your browser:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/archive/winter"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"option","choice":1,"branch":0,"blocks":[{"is":"flow","words":["You get this letter at ",{"is":"slot","what":"@address","place":"text"}," because you signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"option","choice":1,"branch":1,"blocks":[{"is":"flow","words":["This letter goes by e-mail to everybody who signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Unsubscribe here:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/u/",{"is":"slot","what":"@token","place":"text-url"}],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["1 Quay Street, Porto Novo"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["© 2025 Mara Lindqvist"],"lead":[],"indent":"","gap":0,"literal":false}]}],"chains":[{"is":"chain","conditions":["reader.city == \"Porto Novo\""],"outer":null},{"is":"chain","conditions":["@address",null],"outer":null}],"outline":{"is":"outline","summaries":0,"items":[{"is":"section","name":"","items":[{"is":"branching","choice":0,"branch":0,"items":[]}]},{"is":"section","name":"two-high-waters-on-tuesday","items":[]}],"footnotes":[]},"embed":false,"media_url":"https://letter.example.org/media/","images":[]}', 1760093600),
	('95049f408689ef3e67a41d90af379b33cbf64cd1a6ce1991ee262beaf2ec2a76', 'tide', 'The tide table', 'The tide table, for you', 'en', '{"format":1,"slug":"tide","title":"The tide table","date":"2025-10-06","language":"en","direction":"ltr","from_name":"The Harbour Letter","from_address":"letter@example.org","subject":["The tide table, for ",{"is":"slot","what":"reader.first_name or \"you\"","place":"header"}],"html":["<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n<meta name=\"x-apple-disable-message-reformatting\">\n<title>The tide table</title>\n<style>\n.link, .quiet { text-decoration-thickness: 1px; text-underline-offset: 2px; }\n.headline, .title { text-wrap: balance; }\n.button-link:hover { text-decoration: underline !important; }\n.im { color: inherit !important; }\na[x-apple-data-detectors] { color: inherit !important; text-decoration: none !important; }\n@media (max-width: 480px) {\n  .gutter { padding: 0 18px !important; }\n  .headline { font-size: 27px !important; margin: 24px 0 18px !important; }\n  .title { font-size: 22px !important; }\n  .contents { padding: 16px 18px 14px !important; }\n  .mast { display: block !important; width: auto !important; text-align: left !important; }\n  .name { padding-bottom: 0 !important; border-bottom: 0 !important; }\n  .issue { padding-top: 4px !important; }\n  .data { font-size: 14px !important; }\n  .data-wide { font-size: 12px !important; }\n}\n</style>\n<style>\n:root { color-scheme: light dark; supported-color-schemes: light dark; }\n@media (prefers-color-scheme: dark) {\n.canvas { background-color: #17191b !important; }\n.paper { background-color: #17191b !important; }\n.wash, .band { background-color: #1e2124 !important; }\n.fill { background-color: #8cc4dc !important; }\n.ink, .plain, .on-band { color: #e4e1da !important; }\n.muted, .quiet { color: #a09c92 !important; }\n.accent, .link { color: #8cc4dc !important; }\n.on-fill { color: #17191b !important; }\n.line { border-color: #35393c !important; }\n.preheader { color: #17191b !important; }\n}\n[data-ogsb] .canvas { background-color: #17191b !important; }\n[data-ogsb] .paper { background-color: #17191b !important; }\n[data-ogsb] .wash, [data-ogsb] .band { background-color: #1e2124 !important; }\n[data-ogsb] .fill { background-color: #8cc4dc !important; }\n[data-ogsc] .ink, [data-ogsc] .plain, [data-ogsc] .on-band { color: #e4e1da !important; }\n[data-ogsc] .muted, [data-ogsc] .quiet { color: #a09c92 !important; }\n[data-ogsc] .accent, [data-ogsc] .link { color: #8cc4dc !important; }\n[data-ogsc] .on-fill { color: #17191b !important; }\n[data-ogsc] .line { border-color: #35393c !important; }\n[data-ogsc] .preheader { color: #17191b !important; }\n\n</style>\n<style>\n@media print {\n  .body, .canvas, .paper, .wash, .contents, .piece, .pre { background: none !important; }\n  .fill, .band { background: none !important; }\n  .scroll { overflow: visible !important; }\n  .ink, .plain, .muted, .quiet, .accent, .link, .on-fill, .on-band { color: #111111 !important; }\n  .gutter { padding: 0 !important; }\n  .sheet { max-width: none !important; }\n  .piece, .contents, .foot, .mast { padding-left: 0 !important; padding-right: 0 !important; }\n  .screen { display: none !important; }\n  .headline, .title, .sub, .kicker, .label { break-after: avoid; }\n  .photo, .data, .pre, li { break-inside: avoid; }\n  .photo { max-height: 10cm; width: auto !important; }\n  p { orphans: 3; widows: 3; }\n  a.link[href^=\"http\"]::after, a.button-link[href^=\"http\"]::after { content: \" (\" attr(href) \")\"; font-size: 12px; word-break: break-all; }\n}\n</style>\n<!--[if mso]><xml xmlns:o=\"urn:schemas-microsoft-com:office:office\"><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><style>table {mso-table-lspace: 0; mso-table-rspace: 0} .script-rtl {font-family: Times New Roman !important} .over, .label, .kicker, .more, .issue, .contents-label, .entry-source, .data, .button-link {font-family: Segoe UI !important}</style><![endif]-->\n</head>\n<body class=\"body canvas\" bgcolor=\"#fbfaf7\" style=\"margin:0; padding:0; background-color:#fbfaf7; -webkit-text-size-adjust:100%; -ms-text-size-adjust:100%\">\n<div class=\"canvas\" lang=\"en\" dir=\"ltr\" role=\"article\" aria-roledescription=\"email\" aria-label=\"The tide table\" style=\"background-color:#fbfaf7\">\n<div class=\"preheader\" aria-hidden=\"true\" style=\"display:none; font-size:1px; line-height:1px; max-height:0; max-width:0; opacity:0; overflow:hidden; mso-hide:all; color:#fbfaf7\">Two high waters on Tuesday͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ ͏‌ </div>\n<table class=\"frame fixed canvas\" role=\"presentation\" width=\"100%\" bgcolor=\"#fbfaf7\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background-color:#fbfaf7; border-collapse:collapse; table-layout:fixed\"><tr><td class=\"gutter\" align=\"center\" style=\"padding:0 24px\">\n<!--[if mso]><table role=\"presentation\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n<div class=\"sheet\" style=\"max-width:600px; margin:0 auto; text-align:left; overflow-wrap:break-word; word-wrap:break-word; word-break:break-word\">\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr>\n<td class=\"mast name ink line\" valign=\"bottom\" style=\"color:#22262a; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:22px; line-height:1.2; font-weight:600; letter-spacing:0.01em; text-align:left\">The Harbour Letter</td>\n<td class=\"mast issue muted line\" valign=\"bottom\" align=\"right\" style=\"color:#6b685f; padding:28px 0 14px; border-bottom:3px double #ddd8cc; vertical-align:bottom; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5; text-align:right\"><span class=\"muted\" style=\"color:#6b685f\">6 October 2025</span><span class=\"screen\"> · <a class=\"quiet\" href=\"https://letter.example.org/archive/tide\" style=\"color:#6b685f; text-decoration:underline\">Read in your browser</a></span></td>\n</tr></table>\n\n<h1 class=\"headline ink\" style=\"color:#22262a; margin:30px 0 20px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:34px; line-height:1.18; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">The tide table</h1>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"contents line wash\" bgcolor=\"#f2efe8\" style=\"background-color:#f2efe8; padding:18px 22px 16px\">\n<h2 class=\"contents-label muted\" style=\"color:#6b685f; margin:0 0 8px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">In this dispatch</h2>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\">\n<tr><td class=\"entry-number muted\" width=\"26\" valign=\"top\" style=\"color:#6b685f; width:26px; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; font-variant-numeric:tabular-nums; vertical-align:top; text-align:left; white-space:nowrap\">",{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},".</td><td class=\"entry ink\" valign=\"top\" style=\"color:#22262a; padding:5px 0; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:16px; line-height:1.45; vertical-align:top; text-align:left\"><a class=\"plain\" href=\"#two-high-waters-on-tuesday\" dir=\"ltr\" style=\"color:#22262a; text-decoration:none\">Two high waters on Tuesday</a><br><span class=\"entry-source muted\" style=\"color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">(<span dir=\"ltr\">Harbour Times</span>, <span dir=\"ltr\">5 October 2025</span>)</span></td></tr>\n</table>\n</td></tr><tr><td class=\"contents-gap\" style=\"height:30px; line-height:30px; font-size:1px\"> </td></tr></table>\n\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<h2 class=\"label muted\" style=\"color:#6b685f; margin:0 0 12px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4; font-weight:600\">Note</h2>\n<p style=\"margin:0 0 17px\">Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"html"},",</p>\n",{"is":"when","choice":0,"branch":0,"nodes":["<p style=\"margin:0 0 17px\">High water is at noon in your town.</p>\n"]},"<p style=\"margin:0 0 17px\">All of it is <a class=\"link\" href=\"https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"url"},"\" style=\"color:#17506b; text-decoration:underline\">on our page</a>.</p>\n\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame fixed\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse; table-layout:fixed\"><tr><td class=\"piece read ink line\" style=\"font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:17px; line-height:1.6; color:#22262a; padding:0 0 14px; border-bottom:1px solid #ddd8cc\">\n<a name=\"two-high-waters-on-tuesday\" id=\"two-high-waters-on-tuesday\"></a>\n<p class=\"kicker muted\" style=\"margin:0 0 6px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.4\"><span class=\"kicker-source accent\" dir=\"ltr\" style=\"color:#17506b; font-weight:600\">Harbour Times</span> · <span dir=\"ltr\">5 October 2025</span></p>\n<h2 class=\"title ink\" style=\"color:#22262a; margin:0 0 14px; font-family:Georgia, Noto Serif, Times New Roman, serif; font-size:25px; line-height:1.25; font-weight:600; letter-spacing:-0.01em; mso-line-height-rule:exactly\">Two high waters on Tuesday</h2>\n<p style=\"margin:0 0 17px\">The harbour master asks for patience.</p>\n\n<p class=\"more\" style=\"margin:0 0 17px; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:14px; line-height:1.4; font-weight:600\"><a class=\"link\" href=\"https://times.example.org/tides\" lang=\"en\" dir=\"ltr\" style=\"color:#17506b; text-decoration:underline\">Read it at <span dir=\"ltr\">Harbour Times</span></a></p>\n\n</td></tr><tr><td class=\"piece-gap\" style=\"height:34px; line-height:34px; font-size:1px\"> </td></tr></table>\n<table class=\"frame\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse\"><tr><td class=\"foot muted line\" style=\"color:#6b685f; padding:0 0 40px\">\n\n\n<p class=\"over muted screen\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">",{"is":"when","choice":1,"branch":0,"nodes":["You get this letter at ",{"is":"slot","what":"@address","place":"html"}," because you signed up for it."]},{"is":"when","choice":1,"branch":1,"nodes":["This letter goes by e-mail to everybody who signed up for it."]}," <a class=\"quiet\" href=\"https://letter.example.org/u/",{"is":"slot","what":"@token","place":"url"},"\" style=\"color:#6b685f; text-decoration:underline\">Unsubscribe</a></p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">1 Quay Street, Porto Novo</p>\n<p class=\"over muted\" style=\"margin:0 0 10px; color:#6b685f; font-family:-apple-system, Segoe UI, Helvetica, Arial, Noto Sans, sans-serif; font-size:13px; line-height:1.5\">© 2025 Mara Lindqvist</p>\n\n</td></tr></table>\n</div>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</div>\n</body>\n</html>"],"text":[{"is":"part","gap":0,"blocks":[{"is":"flow","words":["The tide table"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["=============="],"lead":[],"indent":"","gap":0,"literal":true}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["The Harbour Letter"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":0,"blocks":[{"is":"flow","words":["6 October 2025"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["In this dispatch"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Two high waters on Tuesday (Harbour Times, 5 October 2025)"],"lead":[{"is":"number","kind":"article","name":"two-high-waters-on-tuesday"},". "],"indent":"","gap":0,"literal":false}]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"","blocks":[{"is":"flow","words":["Note"],"lead":[],"indent":"","gap":1,"literal":true},{"is":"flow","words":["----"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Dear ",{"is":"slot","what":"reader.first_name or \"reader\"","place":"text"},","],"lead":[],"indent":"","gap":1,"literal":false},{"is":"option","choice":0,"branch":0,"blocks":[{"is":"flow","words":["High water is at noon in your town."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"flow","words":["All of it is ","on our page",{"is":"link","target":["https://tides.example.org/?for=",{"is":"slot","what":"reader.city","place":"text-url"}]},"."],"lead":[],"indent":"","gap":1,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"passage","section":"two-high-waters-on-tuesday","blocks":[{"is":"flow","words":["Two high waters on Tuesday"],"lead":[],"indent":"","gap":2,"literal":true},{"is":"flow","words":["--------------------------"],"lead":[],"indent":"","gap":0,"literal":true},{"is":"flow","words":["Harbour Times, 5 October 2025"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["The harbour master asks for patience."],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["Read it at Harbour Times:"],"lead":[],"indent":"","gap":1,"literal":false},{"is":"flow","words":["https://times.example.org/tides"],"lead":[],"indent":"","gap":0,"literal":false}],"notes":[]}]},{"is":"part","gap":2,"blocks":[{"is":"flow","words":["Read it in your browser:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/archive/tide"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"option","choice":1,"branch":0,"blocks":[{"is":"flow","words":["You get this letter at ",{"is":"slot","what":"@address","place":"text"}," because you signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]},{"is":"option","choice":1,"branch":1,"blocks":[{"is":"flow","words":["This letter goes by e-mail to everybody who signed up for it."],"lead":[],"indent":"","gap":1,"literal":false}]}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["Unsubscribe here:"],"lead":[],"indent":"","gap":0,"literal":false},{"is":"flow","words":["https://letter.example.org/u/",{"is":"slot","what":"@token","place":"text-url"}],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["1 Quay Street, Porto Novo"],"lead":[],"indent":"","gap":0,"literal":false}]},{"is":"part","gap":1,"blocks":[{"is":"flow","words":["© 2025 Mara Lindqvist"],"lead":[],"indent":"","gap":0,"literal":false}]}],"chains":[{"is":"chain","conditions":["reader.city == \"Porto Novo\""],"outer":null},{"is":"chain","conditions":["@address",null],"outer":null}],"outline":{"is":"outline","summaries":0,"items":[{"is":"section","name":"","items":[{"is":"branching","choice":0,"branch":0,"items":[]}]},{"is":"section","name":"two-high-waters-on-tuesday","items":[]}],"footnotes":[]},"embed":false,"media_url":"https://letter.example.org/media/","images":[]}', 1760097200);


--
-- Data for Name: edition_media; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edition_media VALUES
	('3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e', '18aacc9f9ae139d4355cf56bc16c0de0.png'),
	('e5028234b46840582aab955f4f7079d186f7153c4053149c7e6af1d97c088843', '18aacc9f9ae139d4355cf56bc16c0de0.png');


--
-- Data for Name: lease; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lease VALUES
	(4, 'b97fca869f9d479381338440f5da310e', 13206, 'desk.example.org', 0);


--
-- Data for Name: leaving_reason; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.leaving_reason VALUES
	('reader6@example.com', 1760093600, 'too many', 'Too much about herons.', 1760093600);


--
-- Data for Name: letter; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.letter VALUES
	(2, 'welcome', 'nia@example.net', 'nia@example.net', NULL, '{"slug": "welcome"}', 1760090000, 'queued', 0, 1760090000, NULL, ''),
	(3, 'confirm', 'ole@example.net', 'ole@example.net', NULL, '{"lists": {"readers": {"first_name": "Ole", "city": "Faro"}}, "confirmed": []}', 1760090000, 'queued', 0, 1760090000, NULL, ''),
	(1, 'confirm', 'nia@example.net', 'nia@example.net', NULL, '{"lists": {"readers": {"first_name": "Nia", "city": "Faro"}}, "confirmed": ["readers"]}', 1760090000, 'sent', 1, 0, 1760090000, '250 2.0.0 ok'),
	(4, 'link', 'reader2@example.com', 'reader2@example.com', NULL, '{}', 1760090000, 'queued', 0, 1760090000, NULL, ''),
	(5, 'address', 'four@example.net', 'four@example.net', NULL, '{"member": 4, "moved": true}', 1760090000, 'queued', 0, 1760090000, NULL, ''),
	(6, 'address', 'five@example.net', 'five@example.net', NULL, '{"member": 5}', 1760090000, 'queued', 0, 1760090000, NULL, '');


--
-- Data for Name: list; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.list VALUES
	(1, 'readers', '["email", "first_name", "city", "status", "since"]', '1961361c21b65652b60ed4cdb35ff179142c6bdb65b0ff7ce61ebc177d7276c3', '{"rows": 20, "people": 18, "rejected": 2, "duplicates": 0, "shown": ["readers.csv:19: \u201cZo\u00eb <zoe@example.com>\u201d is not an address (angle brackets; only the address belongs here); row kept in readers.rejected.csv", "readers.csv:20: \u201cnot an address\u201d is not an address (no @); row kept in readers.rejected.csv"], "more": 0}', 4),
	(2, 'friends', '["email", "name"]', 'c347856d16eabb066ca7a6c46fd8f9132338a54057c0ac267b3ef6b7152304fc', '{"rows": 3, "people": 3, "rejected": 0, "duplicates": 0, "shown": [], "more": 0}', 5);


--
-- Data for Name: list_sync; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.list_sync VALUES
	(1, 1, 1760000000, 'command line', '6e8f088c6f2148c3710921850037a1fa944aede04a2606cd6909d784054a1fc0', 813, '6e8f088c6f2148c3710921850037a1fa944aede04a2606cd6909d784054a1fc0', 813, '{"people": 17, "joined": 17, "changed": 0, "moved": 0, "removed": 0, "rejected": 2, "blocked": 0, "duplicates": 0, "patched": 0, "appended": 0}', NULL),
	(2, 2, 1760000000, 'command line', '8d2bd0376755824dbabd46e5c2bd643dc8e303c8ea16b00d25ae50bcf55e2277', 76, '8d2bd0376755824dbabd46e5c2bd643dc8e303c8ea16b00d25ae50bcf55e2277', 76, '{"people": 3, "joined": 3, "changed": 0, "moved": 0, "removed": 0, "rejected": 0, "blocked": 0, "duplicates": 0, "patched": 0, "appended": 0}', NULL),
	(3, 1, 1760090000, 'command line', '6e8f088c6f2148c3710921850037a1fa944aede04a2606cd6909d784054a1fc0', 813, '86802f0e8d4451fe7d86bcf232c06afce4e1817707b7d0de295b98dc37b4b9ef', 874, '{"people": 17, "joined": 0, "changed": 0, "moved": 0, "removed": 0, "rejected": 2, "blocked": 0, "duplicates": 0, "patched": 1, "appended": 1}', NULL),
	(4, 1, 1760093600, 'command line', '86802f0e8d4451fe7d86bcf232c06afce4e1817707b7d0de295b98dc37b4b9ef', 874, '1961361c21b65652b60ed4cdb35ff179142c6bdb65b0ff7ce61ebc177d7276c3', 991, '{"people": 18, "joined": 0, "changed": 1, "moved": 0, "removed": 0, "rejected": 2, "blocked": 0, "duplicates": 0, "patched": 3, "appended": 2}', NULL),
	(5, 2, 1760093600, 'command line', '8d2bd0376755824dbabd46e5c2bd643dc8e303c8ea16b00d25ae50bcf55e2277', 76, 'c347856d16eabb066ca7a6c46fd8f9132338a54057c0ac267b3ef6b7152304fc', 113, '{"people": 3, "joined": 0, "changed": 0, "moved": 0, "removed": 0, "rejected": 0, "blocked": 0, "duplicates": 0, "patched": 1, "appended": 0}', NULL);


--
-- Data for Name: media; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.media VALUES
	('18aacc9f9ae139d4355cf56bc16c0de0.png', 'image/png', 600, 300, '\x89504e470d0a1a0a0000000d49484452000002580000012c0802000000905f5ac1000003a44944415478daedd53101003008c0b03113d8c207fe7f3cf09248e8d3c8ea0700577d09003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304002304c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c00801c008013042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042003042008c5002008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10008c10003606ce57032aad95ca1e0000000049454e44ae426082');


--
-- Data for Name: member; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.member VALUES
	(1, 1, 'reader1@example.com', 'reader1@example.com', '{"first_name":"R1","city":"Porto Novo"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 2, 'subscribed', NULL, NULL),
	(5, 1, 'reader5@example.com', 'reader5@example.com', '{"first_name":"R5","city":"Porto Novo"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 6, 'subscribed', NULL, NULL),
	(8, 1, 'reader8@example.com', 'reader8@example.com', '{"first_name":"R8","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 9, 'subscribed', NULL, NULL),
	(9, 1, 'reader9@example.com', 'reader9@example.com', '{"first_name":"R9","city":"Porto Novo"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 10, 'subscribed', NULL, NULL),
	(10, 1, 'reader10@example.com', 'reader10@example.com', '{"first_name":"R10","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 11, 'subscribed', NULL, NULL),
	(11, 1, 'reader11@example.com', 'reader11@example.com', '{"first_name":"R11","city":"Porto Novo"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 12, 'subscribed', NULL, NULL),
	(12, 1, 'reader12@example.com', 'reader12@example.com', '{"first_name":"R12","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 13, 'subscribed', NULL, NULL),
	(13, 1, 'reader13@example.com', 'reader13@example.com', '{"first_name":"R13","city":"Porto Novo"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 14, 'subscribed', NULL, NULL),
	(14, 1, 'reader14@example.com', 'reader14@example.com', '{"first_name":"R14","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 15, 'subscribed', NULL, NULL),
	(18, 2, 'fay@example.net', 'fay@example.net', '{"name":"Fay"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 2, 'subscribed', NULL, NULL),
	(19, 2, 'reader1@example.com', 'reader1@example.com', '{"name":"R1"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 3, 'subscribed', NULL, NULL),
	(21, 1, 'nia@example.net', 'nia@example.net', '{"first_name":"Nia","city":"Faro"}', '{"first_name":"Nia","city":"Faro"}', 'subscribed', 'person', 1760090000, 1760090000, 'sign-up', true, 21, 'subscribed', NULL, NULL),
	(2, 1, 'reader2@example.com', 'reader2@example.com', '{"first_name":"R2","city":"Lisbon"}', '{"city":"Braga"}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 3, 'subscribed', NULL, NULL),
	(15, 1, 'gone@example.com', 'gone@example.com', '{"first_name":"Gus","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 16, 'unsubscribed', NULL, NULL),
	(16, 1, 'dead@example.com', 'dead@example.com', '{"first_name":"Dea","city":"Faro"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 17, 'bounced', NULL, NULL),
	(4, 1, 'reader4@example.com', 'reader4@example.com', '{"first_name":"R4","city":"Lisbon"}', '{}', 'unsubscribed', 'person', 1760090000, 1760000000, 'file', true, 5, 'bounced', NULL, NULL),
	(17, 1, 'rest@example.com', 'rest@example.com', '{"first_name":"Ria","city":"Faro"}', '{}', 'paused', 'file', 1760000000, 1760000000, 'file', true, 18, 'paused', NULL, NULL),
	(6, 1, 'reader6@example.com', 'reader6@example.com', '{"first_name":"R6","city":"Lisbon"}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 7, 'unsubscribed', NULL, NULL),
	(7, 1, 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', '{}', '{}', 'subscribed', 'file', 1760000000, 1760000000, 'file', true, 8, 'erased', NULL, NULL),
	(3, 1, 'reader3@example.com', 'reader3@example.com', '{"first_name":"R3","city":"Porto Novo"}', '{}', 'paused', 'person', 1760090000, 1760000000, 'file', true, 4, 'paused', 4000000000, NULL),
	(23, 1, 'four@example.net', 'four@example.net', '{"first_name":"R4","city":"Lisbon"}', '{}', 'subscribed', 'person', 1760000000, 1760000000, 'sign-up', true, 2147483647, 'subscribed', NULL, NULL),
	(22, 1, 'hugo@example.net', 'hugo@example.net', '{}', '{}', 'subscribed', 'person', 1760090000, 1760090000, 'sign-up', true, 2147483647, 'subscribed', NULL, NULL),
	(20, 2, 'hugo@example.net', 'hugo@example.net', '{"name":"Hugo"}', '{}', 'unsubscribed', 'person', 1760090000, 1760000000, 'file', true, 4, 'unsubscribed', NULL, NULL);


--
-- Data for Name: member_change; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.member_change VALUES
	(1, 1, 'nia@example.net', 1760090000, 'confirmed page', 'joined', '', 'subscribed', NULL),
	(2, 1, 'reader2@example.com', 1760090000, 'person', 'own', '{}', '{"city":"Braga"}', NULL),
	(3, 1, 'reader3@example.com', 1760090000, 'person', 'status', 'subscribed', 'paused', NULL),
	(4, 2, 'hugo@example.net', 1760090000, 'person', 'status', 'subscribed', 'unsubscribed', NULL),
	(5, 1, 'hugo@example.net', 1760090000, 'person', 'joined', '', 'subscribed', NULL),
	(6, 1, 'four@example.net', 1760090000, 'person', 'joined', '', 'subscribed', NULL),
	(7, 1, 'reader4@example.com', 1760090000, 'person', 'status', 'subscribed', 'unsubscribed', NULL),
	(8, 1, 'reader4@example.com', 1760090000, 'person', 'address', 'reader4@example.com', 'four@example.net', NULL),
	(9, 1, 'four@example.net', 1760090000, 'person', 'address', 'reader4@example.com', 'four@example.net', NULL),
	(10, 1, 'nia@example.net', 1760093600, 'command line', 'fields', '{}', '{"first_name":"Nia","city":"Faro"}', 4);


--
-- Data for Name: meta; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.meta VALUES
	('ledger', '9b561dc924a8483d9d75576b8103df2c'),
	('erasure-key', '70f28a6167f191000e0f8f988ce2368c5f04cfdbf745df5e819787faec37967f'),
	('epoch', '61');


--
-- Data for Name: send; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.send VALUES
	(1, 'test', 'quay', '3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e', 'finished', '', false, '[]', '[]', '732433b0772f65e4', NULL, 'again', 1, 1760003600, NULL, 1760003600, 1760003600, 1760003600, 1, 1, '', '', NULL, false, false),
	(2, 'dispatch', 'quay', '3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e', 'finished', '', false, '["readers", "friends"]', '[]', '732433b0772f65e4', NULL, 'refuse', 1, 1760003600, NULL, 1760003600, 1760003600, 1760003600, 2, 20, '', '', NULL, false, false),
	(3, 'dispatch', 'winter', '453d114cc6bdd3bbe3082d38c97e8473a30237e7a14ca339da7e43ad881970b4', 'scheduled', '', false, '["readers"]', '[]', '732433b0772f65e4', NULL, 'refuse', 0, 1760093600, 4102444800, NULL, NULL, NULL, 0, -1, '', '', NULL, false, false),
	(4, 'dispatch', 'tide', '95049f408689ef3e67a41d90af379b33cbf64cd1a6ce1991ee262beaf2ec2a76', 'running', '', false, '["readers"]', '[]', '732433b0772f65e4', NULL, 'refuse', 1, 1760097200, NULL, 1760097200, 1760097200, NULL, 21, 40, '', '', NULL, false, false);


--
-- Data for Name: send_list; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.send_list VALUES
	(2, 'readers'),
	(2, 'friends'),
	(3, 'readers'),
	(4, 'readers');


--
-- Data for Name: suppression; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.suppression VALUES
	('gone@example.com', 'unsubscribed', NULL, 1760000000, 'list readers, sync 1', NULL),
	('dead@example.com', 'bounced', NULL, 1760000000, 'list readers, sync 1', NULL),
	('reader4@example.com', 'bounced', NULL, 1760003600, 'send 2: 550 5.1.1', 2),
	('reader6@example.com', 'unsubscribed', NULL, 1760093600, 'page', 2),
	('block@example.net', 'by hand', NULL, 1760093600, 'command line', NULL),
	('loud@example.net', 'complained', 'by hand', 1760093600, 'relay', NULL),
	('erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', 'erased', NULL, 1760093600, 'person', NULL);


--
-- Data for Name: suppression_change; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.suppression_change VALUES
	(1, 'gone@example.com', 'suppressed', 'unsubscribed', 1760000000, 'list readers, sync 1', NULL),
	(2, 'dead@example.com', 'suppressed', 'bounced', 1760000000, 'list readers, sync 1', NULL),
	(3, 'reader4@example.com', 'suppressed', 'bounced', 1760003600, 'send 2: 550 5.1.1', 2),
	(4, 'reader6@example.com', 'suppressed', 'unsubscribed', 1760093600, 'page', 2),
	(5, 'block@example.net', 'suppressed', 'by hand', 1760093600, 'command line', NULL),
	(6, 'loud@example.net', 'suppressed', 'by hand', 1760093600, 'command line', NULL),
	(7, 'loud@example.net', 'suppressed', 'complained', 1760093600, 'relay', NULL),
	(8, 'back@example.net', 'suppressed', 'by hand', 1760093600, 'command line', NULL),
	(9, 'back@example.net', 'lifted', 'by hand', 1760093600, 'command line', NULL),
	(10, 'erased:4a712338a574ee3860e5c23253f5a4d1c7a486ac99be24d5608032e07888786c', 'suppressed', 'erased', 1760093600, 'person', NULL);


--
-- Data for Name: warmup_day; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.warmup_day VALUES
	('example.org by 127.0.0.1', '2025-10-09', 15),
	('example.org by 127.0.0.1', '2025-10-10', 6);


--
-- Data for Name: webhook; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.webhook VALUES
	(1, 'https://hooks.example.org/harbour', '9c0607d8294d84b0', '732433b0772f65e4', '6f45f22ffae185ec259fe051f5aa431011eadb45d516f3ce69111260c7cb91c6', NULL, NULL, NULL, 1760000000, NULL, '');


--
-- Data for Name: webhook_attempt; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.webhook_attempt VALUES
	(1, 1, 1760093600, 0.2, 503, '', 'busy'),
	(2, 1, 1760093660, 0.1, 200, '', 'thank you');


--
-- Data for Name: webhook_event; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.webhook_event VALUES
	(1, 'send.finished'),
	(1, 'subscribed'),
	(1, 'unsubscribed'),
	(1, 'bounced');


--
-- Data for Name: webhook_message; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.webhook_message VALUES
	(2, 1, 'send.finished', '', '{"send":2,"slug":"quay","edition":"3d01dad97f580fe8fa06ac84eea08cb152303c26b0512fd509b77cafc68bb59e","frozen":19,"accepted":14,"failed":1,"skipped":3,"uncertain":1}', 1760003600, 'waiting', 0, NULL, 1760003600, NULL),
	(3, 1, 'subscribed', 'nia@example.net', '{"email":"nia@example.net","list":"readers"}', 1760090000, 'waiting', 0, NULL, 1760090000, NULL),
	(4, 1, 'unsubscribed', 'hugo@example.net', '{"email":"hugo@example.net","list":"friends"}', 1760090000, 'waiting', 0, NULL, 1760090000, NULL),
	(5, 1, 'subscribed', 'hugo@example.net', '{"email":"hugo@example.net","list":"readers"}', 1760090000, 'waiting', 0, NULL, 1760090000, NULL),
	(6, 1, 'subscribed', 'four@example.net', '{"email":"four@example.net","list":"readers"}', 1760090000, 'waiting', 0, NULL, 1760090000, NULL),
	(7, 1, 'unsubscribed', 'reader4@example.com', '{"email":"reader4@example.com","list":"readers"}', 1760090000, 'waiting', 0, NULL, 1760090000, NULL),
	(8, 1, 'unsubscribed', 'reader6@example.com', '{"email":"reader6@example.com","list":null}', 1760093600, 'waiting', 0, NULL, 1760093600, NULL),
	(9, 1, 'unsubscribed', 'loud@example.net', '{"email":"loud@example.net","list":null}', 1760093600, 'waiting', 0, NULL, 1760093600, NULL),
	(1, 1, 'bounced', 'reader4@example.com', '{"email":"reader4@example.com","send":2}', 1760003600, 'delivered', 2, 1760093600, 0, 1760093600);


--
-- Name: api_token_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.api_token_id_seq', 1, true);


--
-- Name: audit_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_id_seq', 1, true);


--
-- Name: consent_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.consent_id_seq', 3, true);


--
-- Name: correction_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.correction_id_seq', 1, true);


--
-- Name: delivery_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.delivery_id_seq', 40, true);


--
-- Name: desk_session_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.desk_session_id_seq', 1, true);


--
-- Name: desk_user_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.desk_user_id_seq', 2, true);


--
-- Name: draft_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.draft_id_seq', 2, true);


--
-- Name: letter_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.letter_id_seq', 6, true);


--
-- Name: list_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.list_id_seq', 2, true);


--
-- Name: list_sync_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.list_sync_id_seq', 5, true);


--
-- Name: member_change_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.member_change_id_seq', 10, true);


--
-- Name: member_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.member_id_seq', 23, true);


--
-- Name: send_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.send_id_seq', 4, true);


--
-- Name: suppression_change_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.suppression_change_id_seq', 10, true);


--
-- Name: webhook_attempt_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.webhook_attempt_id_seq', 2, true);


--
-- Name: webhook_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.webhook_id_seq', 1, true);


--
-- Name: webhook_message_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.webhook_message_id_seq', 9, true);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: api_answer pk_api_answer; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_answer
    ADD CONSTRAINT pk_api_answer PRIMARY KEY (token_id, key);


--
-- Name: api_token pk_api_token; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT pk_api_token PRIMARY KEY (id);


--
-- Name: approval pk_approval; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT pk_approval PRIMARY KEY (digest, by);


--
-- Name: attempt pk_attempt; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT pk_attempt PRIMARY KEY (delivery_id, number);


--
-- Name: audit pk_audit; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (id);


--
-- Name: consent pk_consent; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consent
    ADD CONSTRAINT pk_consent PRIMARY KEY (id);


--
-- Name: correction pk_correction; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.correction
    ADD CONSTRAINT pk_correction PRIMARY KEY (id);


--
-- Name: delivery pk_delivery; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT pk_delivery PRIMARY KEY (id);


--
-- Name: desk_session pk_desk_session; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_session
    ADD CONSTRAINT pk_desk_session PRIMARY KEY (id);


--
-- Name: desk_user pk_desk_user; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_user
    ADD CONSTRAINT pk_desk_user PRIMARY KEY (id);


--
-- Name: draft pk_draft; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.draft
    ADD CONSTRAINT pk_draft PRIMARY KEY (id);


--
-- Name: edition pk_edition; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edition
    ADD CONSTRAINT pk_edition PRIMARY KEY (digest);


--
-- Name: edition_media pk_edition_media; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edition_media
    ADD CONSTRAINT pk_edition_media PRIMARY KEY (digest, name);


--
-- Name: lease pk_lease; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (send_id);


--
-- Name: leaving_reason pk_leaving_reason; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.leaving_reason
    ADD CONSTRAINT pk_leaving_reason PRIMARY KEY (identity, said_at);


--
-- Name: letter pk_letter; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letter
    ADD CONSTRAINT pk_letter PRIMARY KEY (id);


--
-- Name: list pk_list; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list
    ADD CONSTRAINT pk_list PRIMARY KEY (id);


--
-- Name: list_sync pk_list_sync; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list_sync
    ADD CONSTRAINT pk_list_sync PRIMARY KEY (id);


--
-- Name: media pk_media; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media
    ADD CONSTRAINT pk_media PRIMARY KEY (name);


--
-- Name: member pk_member; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member
    ADD CONSTRAINT pk_member PRIMARY KEY (id);


--
-- Name: member_change pk_member_change; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member_change
    ADD CONSTRAINT pk_member_change PRIMARY KEY (id);


--
-- Name: meta pk_meta; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.meta
    ADD CONSTRAINT pk_meta PRIMARY KEY (key);


--
-- Name: send pk_send; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send
    ADD CONSTRAINT pk_send PRIMARY KEY (id);


--
-- Name: send_list pk_send_list; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send_list
    ADD CONSTRAINT pk_send_list PRIMARY KEY (send_id, name);


--
-- Name: suppression pk_suppression; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppression
    ADD CONSTRAINT pk_suppression PRIMARY KEY (identity);


--
-- Name: suppression_change pk_suppression_change; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppression_change
    ADD CONSTRAINT pk_suppression_change PRIMARY KEY (id);


--
-- Name: warmup_day pk_warmup_day; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.warmup_day
    ADD CONSTRAINT pk_warmup_day PRIMARY KEY (sender, day);


--
-- Name: webhook pk_webhook; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT pk_webhook PRIMARY KEY (id);


--
-- Name: webhook_attempt pk_webhook_attempt; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_attempt
    ADD CONSTRAINT pk_webhook_attempt PRIMARY KEY (id);


--
-- Name: webhook_event pk_webhook_event; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_event
    ADD CONSTRAINT pk_webhook_event PRIMARY KEY (webhook_id, event);


--
-- Name: webhook_message pk_webhook_message; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_message
    ADD CONSTRAINT pk_webhook_message PRIMARY KEY (id);


--
-- Name: api_token uq_api_token_digest; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT uq_api_token_digest UNIQUE (digest);


--
-- Name: api_token uq_api_token_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT uq_api_token_key UNIQUE (key);


--
-- Name: delivery uq_delivery_identity; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT uq_delivery_identity UNIQUE (identity, send_id);


--
-- Name: desk_session uq_desk_session_digest; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_session
    ADD CONSTRAINT uq_desk_session_digest UNIQUE (digest);


--
-- Name: desk_user uq_desk_user_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_user
    ADD CONSTRAINT uq_desk_user_key UNIQUE (key);


--
-- Name: desk_user uq_desk_user_link; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_user
    ADD CONSTRAINT uq_desk_user_link UNIQUE (link);


--
-- Name: list uq_list_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list
    ADD CONSTRAINT uq_list_name UNIQUE (name);


--
-- Name: ix_consent_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_consent_identity ON public.consent USING btree (identity, id);


--
-- Name: ix_delivery_claim; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_delivery_claim ON public.delivery USING btree (send_id, state, next_at, id);


--
-- Name: ix_desk_session_user_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_desk_session_user_id ON public.desk_session USING btree (user_id);


--
-- Name: ix_desk_user_oidc_login; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ix_desk_user_oidc_login ON public.desk_user USING btree (oidc_login);


--
-- Name: ix_desk_user_oidc_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ix_desk_user_oidc_subject ON public.desk_user USING btree (oidc_issuer, oidc_subject);


--
-- Name: ix_draft_file; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_draft_file ON public.draft USING btree (file, id);


--
-- Name: ix_letter_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letter_identity ON public.letter USING btree (identity, created_at);


--
-- Name: ix_letter_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letter_state ON public.letter USING btree (state, next_at);


--
-- Name: ix_list_sync_list_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_list_sync_list_id ON public.list_sync USING btree (list_id, id);


--
-- Name: ix_member_apart; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_member_apart ON public.member USING btree (list_id) WHERE (((status)::text <> 'subscribed'::text) OR ((base_status)::text <> 'subscribed'::text));


--
-- Name: ix_member_change_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_member_change_identity ON public.member_change USING btree (identity, id);


--
-- Name: ix_member_change_sync_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_member_change_sync_id ON public.member_change USING btree (sync_id);


--
-- Name: ix_member_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_member_identity ON public.member USING btree (list_id, identity COLLATE "C");


--
-- Name: ix_member_line; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_member_line ON public.member USING btree (list_id, line);


--
-- Name: ix_send_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_send_slug ON public.send USING btree (slug, kind, state);


--
-- Name: ix_send_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_send_state ON public.send USING btree (state, at);


--
-- Name: ix_suppression_change_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_suppression_change_identity ON public.suppression_change USING btree (identity, id);


--
-- Name: ix_webhook_attempt_message_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_attempt_message_id ON public.webhook_attempt USING btree (message_id, id);


--
-- Name: ix_webhook_message_identity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_message_identity ON public.webhook_message USING btree (identity);


--
-- Name: ix_webhook_message_webhook_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_webhook_message_webhook_id ON public.webhook_message USING btree (webhook_id, state, next_at);


--
-- Name: uq_member_list_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_member_list_id ON public.member USING btree (list_id, identity);


--
-- Name: uq_send_token; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_send_token ON public.send USING btree (token);


--
-- Name: api_answer fk_api_answer_token_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_answer
    ADD CONSTRAINT fk_api_answer_token_id FOREIGN KEY (token_id) REFERENCES public.api_token(id);


--
-- Name: attempt fk_attempt_delivery_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT fk_attempt_delivery_id FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);


--
-- Name: consent fk_consent_list_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consent
    ADD CONSTRAINT fk_consent_list_id FOREIGN KEY (list_id) REFERENCES public.list(id);


--
-- Name: correction fk_correction_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.correction
    ADD CONSTRAINT fk_correction_digest FOREIGN KEY (digest) REFERENCES public.edition(digest);


--
-- Name: delivery fk_delivery_send_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT fk_delivery_send_id FOREIGN KEY (send_id) REFERENCES public.send(id);


--
-- Name: desk_session fk_desk_session_user_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.desk_session
    ADD CONSTRAINT fk_desk_session_user_id FOREIGN KEY (user_id) REFERENCES public.desk_user(id);


--
-- Name: edition_media fk_edition_media_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edition_media
    ADD CONSTRAINT fk_edition_media_digest FOREIGN KEY (digest) REFERENCES public.edition(digest);


--
-- Name: edition_media fk_edition_media_name; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edition_media
    ADD CONSTRAINT fk_edition_media_name FOREIGN KEY (name) REFERENCES public.media(name);


--
-- Name: lease fk_lease_send_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lease
    ADD CONSTRAINT fk_lease_send_id FOREIGN KEY (send_id) REFERENCES public.send(id);


--
-- Name: letter fk_letter_list_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letter
    ADD CONSTRAINT fk_letter_list_id FOREIGN KEY (list_id) REFERENCES public.list(id);


--
-- Name: list_sync fk_list_sync_list_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.list_sync
    ADD CONSTRAINT fk_list_sync_list_id FOREIGN KEY (list_id) REFERENCES public.list(id);


--
-- Name: member_change fk_member_change_list_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member_change
    ADD CONSTRAINT fk_member_change_list_id FOREIGN KEY (list_id) REFERENCES public.list(id);


--
-- Name: member fk_member_list_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.member
    ADD CONSTRAINT fk_member_list_id FOREIGN KEY (list_id) REFERENCES public.list(id);


--
-- Name: send fk_send_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send
    ADD CONSTRAINT fk_send_digest FOREIGN KEY (digest) REFERENCES public.edition(digest);


--
-- Name: send_list fk_send_list_send_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send_list
    ADD CONSTRAINT fk_send_list_send_id FOREIGN KEY (send_id) REFERENCES public.send(id);


--
-- Name: send fk_send_parent_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.send
    ADD CONSTRAINT fk_send_parent_id FOREIGN KEY (parent_id) REFERENCES public.send(id);


--
-- Name: suppression_change fk_suppression_change_send_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppression_change
    ADD CONSTRAINT fk_suppression_change_send_id FOREIGN KEY (send_id) REFERENCES public.send(id);


--
-- Name: suppression fk_suppression_send_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppression
    ADD CONSTRAINT fk_suppression_send_id FOREIGN KEY (send_id) REFERENCES public.send(id);


--
-- Name: webhook_attempt fk_webhook_attempt_message_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_attempt
    ADD CONSTRAINT fk_webhook_attempt_message_id FOREIGN KEY (message_id) REFERENCES public.webhook_message(id);


--
-- Name: webhook_event fk_webhook_event_webhook_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_event
    ADD CONSTRAINT fk_webhook_event_webhook_id FOREIGN KEY (webhook_id) REFERENCES public.webhook(id);


--
-- PostgreSQL database dump complete
--


