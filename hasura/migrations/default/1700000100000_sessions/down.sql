DROP TRIGGER user_disabled ON public."user";
DROP FUNCTION public.user_end_sessions();
DROP TABLE public.user_session;

DROP TRIGGER user_updated_at ON public."user";
CREATE TRIGGER user_updated_at
BEFORE UPDATE ON public."user"
FOR EACH ROW EXECUTE FUNCTION public.user_set_updated_at();

ALTER TABLE public."user"
  DROP COLUMN disabled_at,
  DROP COLUMN email_verified_at,
  DROP COLUMN last_login_at;
