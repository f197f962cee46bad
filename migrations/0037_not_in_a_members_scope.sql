-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A transaction that is bound to a user has no business with colleagues' rows, with mail to them, with the admins' log,
-- or with the tenant's provider keys: whoever works with those does so in the whole tenant's scope.
ALTER POLICY own_tenant ON users
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR id = current_user_id()));
ALTER POLICY own_tenant ON mail_outbox
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
ALTER POLICY own_tenant ON audit_log
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
ALTER POLICY own_tenant ON tenant_provider_keys
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);

-- migrate:down
ALTER POLICY own_tenant ON tenant_provider_keys
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
ALTER POLICY own_tenant ON audit_log
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
ALTER POLICY own_tenant ON mail_outbox
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
ALTER POLICY own_tenant ON users
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
