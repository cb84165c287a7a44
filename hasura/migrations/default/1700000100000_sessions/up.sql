ALTER TABLE public."user"
  ADD COLUMN disabled_at timestamptz,
  ADD COLUMN email_verified_at timestamptz,
  ADD COLUMN last_login_at timestamptz;

COMMENT ON COLUMN public."user".disabled_at IS 'Set it to disable the user: no login, and all sessions end';

-- A login is no change of the user.
DROP TRIGGER user_updated_at ON public."user";
CREATE TRIGGER user_updated_at
BEFORE UPDATE ON public."user"
FOR EACH ROW
WHEN (NEW.last_login_at IS NOT DISTINCT FROM OLD.last_login_at)
EXECUTE FUNCTION public.user_set_updated_at();

CREATE TABLE public.user_session (
  id uuid PRIMARY KEY,
  user_id integer NOT NULL REFERENCES public."user" (id) ON DELETE CASCADE,
  generation integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  refreshed_at timestamptz NOT NULL,
  idle_expires_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_because text,
  user_agent text
)
-- Room on each page for the new version of a row, so that a refresh is a HOT update.
WITH (fillfactor = 70);

-- No index on what a refresh changes (generation, refreshed_at, idle_expires_at): it would stop HOT updates.
CREATE INDEX user_session_user_id ON public.user_session (user_id);
CREATE INDEX user_session_expires_at ON public.user_session (expires_at);
CREATE INDEX user_session_ended_at ON public.user_session (ended_at) WHERE ended_at IS NOT NULL;

CREATE FUNCTION public.user_end_sessions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.user_session SET ended_at = now(), ended_because = 'disabled'
  WHERE user_id = NEW.id AND ended_at IS NULL;
  RETURN NULL;
END;
$$;

CREATE TRIGGER user_disabled
AFTER UPDATE OF disabled_at ON public."user"
FOR EACH ROW
WHEN (NEW.disabled_at IS NOT NULL)
EXECUTE FUNCTION public.user_end_sessions();
