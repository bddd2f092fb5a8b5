// Tells breachd what people do to its records: a business rule of ServiceNow, "after", "insert" off, "update" on, on the table
// that the channel writes to. Condition: correlation_id starts with "breachd:" (the channel's `source`).
//
// Properties of the instance (sys_properties):
//   breachd.hook      https://breachd.example.com/hooks/tickets     (tickets: the channel's name)
//   breachd.secret    the base64 behind `whsec_` in the channel's webhook_secret_file; type password2
//
// It signs as Standard Webhooks do: base64 of HMAC-SHA-256 of "id.timestamp.body". breachd answers 202 at once; a post that
// fails is in the instance's outbound HTTP log, and is not sent again.
(function executeRule(current, previous) {
    if (!(current.assigned_to.changes() || current.state.changes() || current.work_notes.changes())) {
        return;
    }
    // What breachd's own account did is left out by breachd, which knows it by the channel's `user`.
    var body = JSON.stringify({
        correlation_id: String(current.correlation_id),
        state: String(current.state),
        assigned_to: String(current.assigned_to.getDisplayValue() || ''),
        by: String(current.sys_updated_by),
        work_note: current.work_notes.changes() ? String(current.work_notes) : ''
    });
    // ASCII only, so that what is signed and what is sent are the same bytes whatever encoding either takes.
    body = body.replace(/[\u0080-\uffff]/g, function (character) {
        return '\\u' + ('0000' + character.charCodeAt(0).toString(16)).slice(-4);
    });
    var id = 'sn_' + gs.generateGUID();
    var timestamp = String(Math.floor(new GlideDateTime().getNumericValue() / 1000));
    var tag = new GlideCertificateEncryption().generateMac(
        gs.getProperty('breachd.secret'), 'HmacSHA256', id + '.' + timestamp + '.' + body);
    var request = new sn_ws.RESTMessageV2();
    request.setHttpMethod('post');
    request.setEndpoint(gs.getProperty('breachd.hook'));
    request.setRequestHeader('Content-Type', 'application/json');
    request.setRequestHeader('webhook-id', id);
    request.setRequestHeader('webhook-timestamp', timestamp);
    request.setRequestHeader('webhook-signature', 'v1,' + tag);
    request.setRequestBody(body);
    request.executeAsync();
})(current, previous);
