-- The roles that a user can have. An ordinary table, not a Hasura enum table: a new role is one row.
CREATE TABLE public.role (
  name text PRIMARY KEY CHECK (name <> '')
);

INSERT INTO public.role (name) VALUES ('user'), ('admin');

CREATE TABLE public."user" (
  id serial PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  password text NOT NULL,
  default_role text NOT NULL DEFAULT 'user' REFERENCES public.role (name),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN public."user".password IS 'Password hash as a PHC string; no role but admin may read it';

-- Roles beyond the default one.
CREATE TABLE public.user_role (
  user_id integer NOT NULL REFERENCES public."user" (id) ON DELETE CASCADE,
  role text NOT NULL REFERENCES public.role (name),
  PRIMARY KEY (user_id, role)
);

CREATE FUNCTION public.user_set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END;
$$;

CREATE TRIGGER user_updated_at
BEFORE UPDATE ON public."user"
FOR EACH ROW EXECUTE FUNCTION public.user_set_updated_at();
