<?php

/**
 * Writes an hr_audit log as the Magento module does, for tests/it/real.rs:
 *
 *     php hr_audit.php DIRECTORY < one JSON object a line: action, success, user, ip, details
 */

declare(strict_types=1);

require __DIR__ . '/magento-module.php';

$handler = new Breachd\Audit\Logger\JsonLines(new Magento\Framework\App\Filesystem\DirectoryList($argv[1]));
$logger = new Monolog\Logger('hr_audit', [$handler]);
foreach (explode("\n", trim(stream_get_contents(STDIN))) as $line) {
    $entry = json_decode($line, true, 8, JSON_THROW_ON_ERROR);
    Breachd\Audit\Model\CurrentPerson::is($entry['user']);
    $remote = new Magento\Framework\HTTP\PhpEnvironment\RemoteAddress($entry['ip']);
    $audit = new Breachd\Audit\Model\HrAudit($logger, $remote);
    $audit->record($entry['action'], $entry['success'], $entry['details']);
}
