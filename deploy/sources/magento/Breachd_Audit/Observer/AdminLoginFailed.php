<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\HrAudit;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/** backend_auth_user_login_failed: the name is what somebody tried, not who is there. */
class AdminLoginFailed implements ObserverInterface
{
    public function __construct(private HrAudit $hrAudit)
    {
    }

    public function execute(Observer $observer)
    {
        $this->hrAudit->record('login_failed', false, ['user' => (string) $observer->getData('user_name')]);
    }
}
