<?php

declare(strict_types=1);

namespace Breachd\Audit\Model;

use Magento\Framework\HTTP\PhpEnvironment\RemoteAddress;
use Psr\Log\LoggerInterface;

/**
 * The application's own word on what was done with personal data: breachd's format `hr_audit_json`.
 *
 *     $this->hrAudit->record('export', true, ['route' => '/portal/payroll/export', 'table' => 'hr.payroll', 'rows' => 3000]);
 *
 * Tables are `schema.table`, as in breachd's classification. It never breaks the request: a log that cannot be written is PHP's error log's business.
 */
class HrAudit
{
    /** What may be said besides; anything else is dropped, so that no salary gets into a log by accident. */
    private const DETAILS = ['user', 'ip', 'route', 'table', 'rows'];

    public function __construct(
        private LoggerInterface $logger,
        private RemoteAddress $remoteAddress
    ) {
    }

    /**
     * @param string $action login, login_failed, logout, view, export, update, delete, …
     * @param array{user?: string, ip?: string, route?: string, table?: string, rows?: int} $details
     */
    public function record(string $action, bool $success = true, array $details = []): void
    {
        $known = [
            'user' => CurrentPerson::name(),
            'ip' => $this->remoteAddress->getRemoteAddress() ?: null,
            'route' => isset($_SERVER['REQUEST_URI']) ? strtok((string) $_SERVER['REQUEST_URI'], '?') : null,
            'request_id' => CurrentPerson::requestId(),
            'session' => self::sessionHint(),
        ];
        $details = array_intersect_key($details, array_flip(self::DETAILS));
        $context = ['action' => $action, 'success' => $success] + $details + $known;
        try {
            $this->logger->info('hr_audit.' . $action, array_filter($context, static fn ($value) => $value !== null));
        } catch (\Throwable $e) {
            error_log('hr_audit: ' . get_class($e));
        }
    }

    /** Enough to tell sessions apart, of no use to take one over. */
    private static function sessionHint(): ?string
    {
        $id = session_id();
        return is_string($id) && $id !== '' ? substr(hash('sha256', $id), 0, 16) : null;
    }
}
